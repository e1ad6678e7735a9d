import { describe, expect, it } from 'vitest'
import { createClientAddresses } from '../../src/http/client-address.ts'
import { incoming } from '../harness/incoming.ts'

const trusting = (...trusted: string[]) => createClientAddresses(trusted, () => {})

const from = (peer: string, ...hops: string[]) =>
  incoming(hops.length === 0 ? {} : { 'x-forwarded-for': hops.join(', ') }, peer)

describe('without trusted proxies', () => {
  it('counts the address of the socket', () => {
    expect(trusting().addressOf(from('192.0.2.1'))).toBe('192.0.2.1')
  })

  it('sees the IPv4 address behind an IPv6 socket', () => {
    expect(trusting().addressOf(from('::ffff:192.0.2.1'))).toBe('192.0.2.1')
  })

  it('believes no X-Forwarded-For, and warns once however often it comes', () => {
    let warnings = 0
    const sources = createClientAddresses([], () => {
      warnings += 1
    })
    for (const claimed of ['203.0.113.1', '203.0.113.2', '127.0.0.1']) {
      expect(sources.addressOf(from('192.0.2.1', claimed))).toBe('192.0.2.1')
    }
    expect(warnings).toBe(1)
  })

  it('has nothing to warn of where the header does not come', () => {
    const sources = createClientAddresses([], () => expect.unreachable())
    expect(sources.addressOf(from('192.0.2.1'))).toBe('192.0.2.1')
  })
})

describe('behind trusted proxies', () => {
  it('counts what the proxy wrote, however much the caller wrote to the left of it', () => {
    const sources = trusting('10.0.0.1')
    expect(sources.addressOf(from('10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
    expect(sources.addressOf(from('10.0.0.1', '198.51.100.1', '127.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
  })

  it('walks past every proxy it trusts', () => {
    const sources = trusting('10.0.0.0/8', '2001:db8:ffff::/48')
    expect(sources.addressOf(from('10.1.2.3', '198.51.100.1', '203.0.113.9', '2001:db8:ffff::7', '10.200.0.1'))).toBe(
      '203.0.113.9',
    )
  })

  it('counts the first hop where all of them are proxies of ours', () => {
    expect(trusting('10.0.0.0/8').addressOf(from('10.0.0.1', '10.0.0.7', '10.0.0.2'))).toBe('10.0.0.7')
  })

  it('counts the proxy itself where it names nobody', () => {
    expect(trusting('10.0.0.1').addressOf(from('10.0.0.1'))).toBe('10.0.0.1')
  })

  it('knows a trusted proxy behind an IPv6 socket, and a block by its edges', () => {
    const sources = trusting('10.0.0.0/30')
    expect(sources.addressOf(from('::ffff:10.0.0.3', '203.0.113.9'))).toBe('203.0.113.9')
    expect(sources.addressOf(from('10.0.0.4', '203.0.113.9'))).toBe('10.0.0.4')
  })

  it('warns of a peer that is not listed, though others are', () => {
    let warned = false
    const sources = createClientAddresses(['10.0.0.1'], () => {
      warned = true
    })
    expect(sources.addressOf(from('10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
    expect(warned).toBe(false)
    expect(sources.addressOf(from('10.0.0.2', '203.0.113.9'))).toBe('10.0.0.2')
    expect(warned).toBe(true)
  })

  it.each(['', 'unknown', 'evil.example', '1.2.3', '<script>'])(
    'lets all who come from %j share one account, and does not skip to what stands left of it',
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
  ])('counts as its network: %s and %s are one', (one, other) => {
    const { addressOf } = trusting()
    expect(addressOf(from(one))).toBe(addressOf(from(other)))
    expect(addressOf(from(one))).toMatch(/::\/64$/)
  })

  it.each([
    ['2001:db8::1', '2001:db8:0:1::1'],
    ['2001:db8:1::', '2001:db8::1'],
    ['1:2:3:4::', '1:2:3:5::'],
    ['::1', '1::'],
  ])('of another network is another: %s and %s', (one, other) => {
    expect(trusting().addressOf(from(one))).not.toBe(trusting().addressOf(from(other)))
  })
})
