import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { networkOf, plainAddress, readAddress, wideNetworkOf } from '../../src/http/network.ts'

const byte = fc.integer({ min: 0, max: 255 })
const ipv4 = fc.tuple(fc.integer({ min: 1, max: 255 }), byte, byte, byte)
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })

describe('the network of an address', () => {
  it('an IPv4 address inside IPv6, in every spelling: one network (B4)', () => {
    const prefixes = ['::ffff:', '0:0:0:0:0:ffff:', '::', '0:0::', '::ffff:0:', '64:ff9b::', '64:ff9b:1::']
    fc.assert(
      fc.property(ipv4, fc.constantFrom(...prefixes), fc.boolean(), fc.boolean(), (bytes, prefix, asHex, upper) => {
        const [a, b, c, d] = bytes
        // Only three bytes that are not zero tell where 64:ff9b:1::/48 has the address.
        fc.pre(prefix !== '64:ff9b:1::' || b + c + d > 0)
        const dotted = bytes.join('.')
        const end = asHex ? `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}` : dotted
        const spelling = prefix + end
        expect(networkOf(upper ? spelling.toUpperCase() : spelling)).toBe(dotted)
      }),
    )
  })

  it('an IPv6 address, in every spelling: one network, and one /56 around it (B4)', () => {
    fc.assert(
      fc.property(groups, fc.nat(7), fc.boolean(), fc.boolean(), (parts, at, padded, upper) => {
        const texts = parts.map((part) => part.toString(16).padStart(padded ? 4 : 1, '0'))
        const full = texts.join(':')
        const other = shortened(texts, at)
        const spelling = upper ? other.toUpperCase() : other
        expect(readAddress(spelling)).toBe(spelling)
        expect(networkOf(spelling)).toBe(networkOf(full))
        expect(plainAddress(spelling)).toBe(plainAddress(full))
        expect(networkOf(plainAddress(full))).toBe(networkOf(full))
      }),
    )
  })

  it('a /64 network: all of its addresses, and none of the next one (B4)', () => {
    fc.assert(
      fc.property(groups, groups, (parts, others) => {
        const [a, b, c, d] = [0x2001, ...parts.slice(1)]
        const network = networkOf([a, b, c, d, ...others.slice(4)].map(hex).join(':'))
        expect(networkOf([a, b, c, d, 0, 0, 0, 0].map(hex).join(':'))).toBe(network)
        expect(networkOf([a, b, c, (d ?? 0) ^ 1, ...others.slice(4)].map(hex).join(':'))).not.toBe(network)
        expect(network).toMatch(/::\/64$|^([\da-f]+:){4}:\/64$/)
        const wide = wideNetworkOf(network)
        expect(wideNetworkOf(networkOf([a, b, c, (d ?? 0) ^ 0xff, 1, 2, 3, 4].map(hex).join(':')))).toBe(wide)
        expect(wideNetworkOf(networkOf([a, b, c, (d ?? 0) ^ 0x100, 1, 2, 3, 4].map(hex).join(':')))).not.toBe(wide)
      }),
    )
  })

  it.each([
    ['192.0.2.1', '192.0.2.1', undefined],
    ['2001:db8:1:2ff::9', '2001:db8:1:2ff::/64', '2001:db8:1:200::/56'],
    ['2001:db8::', '2001:db8::/64', '2001:db8::/56'],
    ['::1', '::/64', '::/56'],
    ['::', '::/64', '::/56'],
    ['::0.0.0.1', '::/64', '::/56'],
    ['::ffff:0.0.0.1', '0.0.0.1', undefined],
    ['64:ff9b::1.2.3.4', '1.2.3.4', undefined],
    ['64:ff9b:0:0:1::1.2.3.4', '64:ff9b::/64', '64:ff9b::/56'],
    // RFC 6052 section 2.2: the same host behind the prefixes /48, /56 and /96 of 64:ff9b:1::/48.
    ['64:ff9b:1:c000:2:100::', '64:ff9b:1:c000::/64', '64:ff9b:1:c000::/56'],
    ['64:ff9b:1:2:3:4:192.0.2.1', '192.0.2.1', undefined],
    ['1::ffff:192.0.2.1', '1::/64', '1::/56'],
  ])('%s: %s, within %s (B4)', (address, network, wide) => {
    expect(networkOf(address)).toBe(network)
    expect(wideNetworkOf(network)).toBe(wide)
  })
})

describe('reading an address', () => {
  it.each([
    '1',
    '0x7f.1',
    '127.1',
    '010.0.0.1',
    '1.2.3.4.5',
    '::1::',
    '',
    ' ::1',
    '1.2.3.4%eth0',
    `::1%${'a'.repeat(99)}`,
  ])('%j: not an address (B4)', (text) => expect(readAddress(text)).toBeUndefined())

  it('a zone is left out (B4)', () => {
    expect(readAddress('fe80::1%eth0')).toBe('fe80::1')
  })

  it('any text: read without an error, and what is read has a network (B4)', () => {
    const odd = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:.%x[]" ') })
    fc.assert(
      fc.property(fc.oneof(odd, fc.string(), fc.ipV6(), fc.ipV4()), (text) => {
        const address = readAddress(text)
        if (address !== undefined) expect(networkOf(address)).toMatch(/^\d+\.\d+\.\d+\.\d+$|\/64$/)
      }),
      { numRuns: 2_000 },
    )
  })
})

function hex(part: number | undefined): string {
  return (part ?? 0).toString(16)
}

/** The longest run of zeros from this place on becomes `::`, if there is one. */
function shortened(texts: readonly string[], from: number): string {
  const start = texts.findIndex((text, at) => at >= from && Number(`0x${text}`) === 0)
  if (start === -1) return texts.join(':')
  let end = start
  while (end < 8 && Number(`0x${texts[end]}`) === 0) end += 1
  return `${texts.slice(0, start).join(':')}::${texts.slice(end).join(':')}`
}
