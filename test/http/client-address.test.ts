import { describe, expect, it } from 'vitest'
import { createClientAddresses } from '../../src/http/client-address.ts'
import { incoming } from '../harness/incoming.ts'

const trusting = (...trusted: string[]) => createClientAddresses(trusted, () => {})

const from = (peer: string, ...hops: string[]) =>
  incoming(hops.length === 0 ? {} : { 'x-forwarded-for': hops.join(', ') }, peer)

describe('without trusted proxies', () => {
  it('the address of the socket counts', () => {
    expect(trusting().addressOf(from('192.0.2.1'))).toBe('192.0.2.1')
  })

  it('an IPv4 client at an IPv6 socket: its IPv4 address', () => {
    expect(trusting().addressOf(from('::ffff:192.0.2.1'))).toBe('192.0.2.1')
  })

  it('X-Forwarded-For: ignored, with one warning for any number of requests', () => {
    let warnings = 0
    const addresses = createClientAddresses([], () => {
      warnings += 1
    })
    for (const claimed of ['203.0.113.1', '203.0.113.2', '127.0.0.1']) {
      expect(addresses.addressOf(from('192.0.2.1', claimed))).toBe('192.0.2.1')
    }
    expect(warnings).toBe(1)
  })

  it('no X-Forwarded-For: no warning', () => {
    const addresses = createClientAddresses([], () => expect.unreachable())
    expect(addresses.addressOf(from('192.0.2.1'))).toBe('192.0.2.1')
  })
})

describe('behind trusted proxies', () => {
  it('the address from the proxy counts, not the addresses that the caller sent', () => {
    const addresses = trusting('10.0.0.1')
    expect(addresses.addressOf(from('10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
    expect(addresses.addressOf(from('10.0.0.1', '198.51.100.1', '127.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
  })

  it('several trusted proxies: the address to the left of them counts', () => {
    const addresses = trusting('10.0.0.0/8', '2001:db8:ffff::/48')
    expect(addresses.addressOf(from('10.1.2.3', '198.51.100.1', '203.0.113.9', '2001:db8:ffff::7', '10.200.0.1'))).toBe(
      '203.0.113.9',
    )
  })

  it('only trusted proxies in the header: the first one counts', () => {
    expect(trusting('10.0.0.0/8').addressOf(from('10.0.0.1', '10.0.0.7', '10.0.0.2'))).toBe('10.0.0.7')
  })

  it('no header: the proxy itself counts', () => {
    expect(trusting('10.0.0.1').addressOf(from('10.0.0.1'))).toBe('10.0.0.1')
  })

  it('a trusted proxy at an IPv6 socket, and the limits of a block: recognized', () => {
    const addresses = trusting('10.0.0.0/30')
    expect(addresses.addressOf(from('::ffff:10.0.0.3', '203.0.113.9'))).toBe('203.0.113.9')
    expect(addresses.addressOf(from('10.0.0.4', '203.0.113.9'))).toBe('10.0.0.4')
  })

  it('a header from an unlisted address: ignored, with a warning', () => {
    let warned = false
    const addresses = createClientAddresses(['10.0.0.1'], () => {
      warned = true
    })
    expect(addresses.addressOf(from('10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
    expect(warned).toBe(false)
    expect(addresses.addressOf(from('10.0.0.2', '203.0.113.9'))).toBe('10.0.0.2')
    expect(warned).toBe(true)
  })

  it.each(['', 'unknown', 'evil.example', '1.2.3', '<script>'])(
    'the hop %j is not an address: it counts as unknown, and the hop to its left is ignored',
    (hop) => {
      expect(trusting('10.0.0.1').addressOf(from('10.0.0.1', '203.0.113.9', hop))).toBe('unknown')
    },
  )
})

describe('an IPv6 address', () => {
  it.each([
    ['2001:db8::1', '2001:db8:0:0:ffff:ffff:ffff:ffff'],
    ['2001:db8::', '2001:0db8:0000:0000:1::'],
    ['2001:DB8:0:1::9', '2001:db8:0:1:8:7:6:5'],
    ['fe80::1%eth0', 'fe80::2%eth1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::'],
  ])('%s and %s: one /64 network, one client', (one, other) => {
    const { addressOf } = trusting()
    expect(addressOf(from(one))).toBe(addressOf(from(other)))
    expect(addressOf(from(one))).toMatch(/::\/64$/)
  })

  it.each([
    ['2001:db8::1', '2001:db8:0:1::1'],
    ['2001:db8:1::', '2001:db8::1'],
    ['1:2:3:4::', '1:2:3:5::'],
    ['::1', '1::'],
  ])('%s and %s: two networks, two clients', (one, other) => {
    expect(trusting().addressOf(from(one))).not.toBe(trusting().addressOf(from(other)))
  })
})
