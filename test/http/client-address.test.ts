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

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('X-Forwarded-For from %s: ignored, with one warning that names %s (B4)', (peer, named) => {
    const warnings: string[] = []
    const { addressOf } = createClientAddresses([], (address) => warnings.push(address))
    for (const claimed of ['203.0.113.1', '203.0.113.2', '127.0.0.1']) {
      expect(addressOf(from(peer, claimed))).toBe(addressOf(from(peer)))
    }
    expect(warnings).toEqual([named])
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
    const warnings: string[] = []
    const addresses = createClientAddresses(['10.0.0.1'], (address) => warnings.push(address))
    expect(addresses.addressOf(from('10.0.0.1', '203.0.113.9'))).toBe('203.0.113.9')
    expect(warnings).toEqual([])
    expect(addresses.addressOf(from('10.0.0.2', '203.0.113.9'))).toBe('10.0.0.2')
    expect(warnings).toEqual(['10.0.0.2'])
  })

  it.each(['10.0.0.0/8', '::ffff:10.0.0.0/104', '::FFFF:a00:0/104', '0:0:0:0:0:ffff:10.0.0.0/104'])(
    'TRUSTED_PROXIES %s: a proxy is recognized in every spelling (B4)',
    (block) => {
      for (const proxy of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203', '0:0:0:0:0:FFFF:10.1.2.3']) {
        expect(trusting(block).addressOf(from(proxy, '203.0.113.9', proxy))).toBe('203.0.113.9')
      }
      for (const other of ['11.1.2.3', '::ffff:9.1.2.3', '64:ff9b::10.1.2.3', '::10.1.2.3']) {
        expect(trusting(block).addressOf(from(other, '203.0.113.9'))).not.toBe('203.0.113.9')
      }
    },
  )

  it.each(['2001:db8:ffff::/48', '2001:0DB8:FFFF:0:0:0:0:0/48'])('TRUSTED_PROXIES %s: the same block (B4)', (block) => {
    const { addressOf } = trusting(block)
    expect(addressOf(from('2001:DB8:FFFF:0:1::9', '203.0.113.9'))).toBe('203.0.113.9')
    expect(addressOf(from('2001:db8:fffe::9', '203.0.113.9'))).toBe('2001:db8:fffe::/64')
  })
})

describe('the load balancers of the README, with the TRUSTED_PROXIES that it recommends', () => {
  const forged = '198.51.100.1'
  const client = '203.0.113.9'

  it('AWS: the balancer adds the address of the client', () => {
    const subnets = ['10.0.0.0/24', '10.0.1.0/24']
    for (const balancer of ['10.0.0.17', '10.0.1.200']) {
      expect(trusting(...subnets).addressOf(from(balancer, client))).toBe(client)
      expect(trusting(...subnets).addressOf(from(balancer, forged, client))).toBe(client)
      expect(trusting(...subnets).addressOf(from(balancer, forged, `${client}:49152`))).toBe(client)
    }
  })

  it('Google Cloud: the balancer adds the address of the client and its own one', () => {
    const balancer = '192.0.2.80'
    const addresses = trusting('130.211.0.0/22', '35.191.0.0/16', balancer)
    for (const frontEnd of ['130.211.3.7', '35.191.200.1']) {
      expect(addresses.addressOf(from(frontEnd, client, balancer))).toBe(client)
      expect(addresses.addressOf(from(frontEnd, forged, client, balancer))).toBe(client)
      expect(addresses.addressOf(from(frontEnd, balancer, client, balancer))).toBe(client)
    }
    // Without its own address, all clients would count as the balancer.
    const incomplete = trusting('130.211.0.0/22', '35.191.0.0/16')
    expect(incomplete.addressOf(from('35.191.200.1', client, balancer))).toBe(balancer)
  })
})

describe('a list of hops', () => {
  const { addressOf } = trusting('10.0.0.0/8')
  const forwarded = (header: string) => addressOf(from('10.0.0.1', header))

  it.each([
    'unknown',
    '_hidden',
    'evil.example',
    '1.2.3',
    '1',
    '0x7f.1',
    '010.0.0.9',
    '<script>',
    '203.0.113.1:x',
    '"',
  ])('the hop %j is not an address: the proxy that wrote it counts, never a hop to its left (B4)', (hop) => {
    expect(forwarded(`203.0.113.9, ${hop}`)).toBe('10.0.0.1')
    expect(forwarded(`203.0.113.9, ${hop}, 10.0.0.2`)).toBe('10.0.0.2')
    expect(forwarded(`${hop}, 203.0.113.9, 10.0.0.2`)).toBe('203.0.113.9')
    expect(forwarded(`203.0.113.9, ${hop}, 10.0.0.3, 10.0.0.2`)).toBe('10.0.0.3')
  })

  it.each([
    '203.0.113.9,',
    ', 203.0.113.9',
    '203.0.113.9, , 10.0.0.2',
    ' ,,203.0.113.9,\t,',
    '203.0.113.9,,,10.0.0.2,',
  ])('%j: empty elements are passed over (B4)', (header) => expect(forwarded(header)).toBe('203.0.113.9'))

  it.each(['', ' ', ',', ', ,\t,'])('%j: without an address the proxy counts (B4)', (header) => {
    expect(forwarded(header)).toBe('10.0.0.1')
  })

  it('only trusted proxies and a hop that is not an address: the leftmost proxy counts (B4)', () => {
    expect(forwarded('unknown, 10.0.0.7, 10.0.0.2')).toBe('10.0.0.7')
  })

  it.each([
    '192.0.2.7',
    '192.0.2.7:80',
    '"192.0.2.7:65535"',
    '\t192.0.2.7\t',
    '" 192.0.2.7 "',
    '[::ffff:192.0.2.7]:80',
  ])('%j: quotes, port and white space are read (B4)', (hop) =>
    expect(forwarded(`203.0.113.9,${hop}`)).toBe('192.0.2.7'),
  )

  it.each(['2001:db8::1', '[2001:db8::1]', '[2001:db8::1]:80', '"[2001:DB8:0::2]:80"', '[2001:db8::1%eth0]'])(
    '%j: one /64 network (B4)',
    (hop) => expect(forwarded(`203.0.113.9,${hop}`)).toBe('2001:db8::/64'),
  )

  it.each([
    ['one hop', '1'.repeat(16_000)],
    ['empty elements', ','.repeat(16_000)],
    ['white space', ' '.repeat(16_000)],
    ['proxies', '10.0.0.9,'.repeat(1_700)],
    ['colons', `${':'.repeat(40)},`.repeat(390)],
    ['digits behind a colon', `1.2.3.4:${'1'.repeat(16_000)}`],
    ['brackets', '['.repeat(16_000)],
    ['zones', `fe80::1%${'a'.repeat(16_000)}`],
  ])('16 KB of %s: read within 2 ms (B4)', (_, header) => {
    const fastest = Math.min(...Array.from({ length: 20 }, () => msOf(() => forwarded(header))))
    expect(fastest).toBeLessThan(2)
  })
})

describe('an IPv6 address', () => {
  it.each([
    ['2001:db8::1', '2001:db8:0:0:ffff:ffff:ffff:ffff'],
    ['2001:db8::', '2001:0db8:0000:0000:1::'],
    ['2001:DB8:0:1::9', '2001:db8:0:1:8:7:6:5'],
    ['fe80::1%eth0', 'fe80::2%eth1'],
    ['2001:db8::', '2001:db8::192.0.2.1'],
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

function msOf(run: () => unknown): number {
  const start = performance.now()
  run()
  return performance.now() - start
}

describe('a proxy that does not name its client', () => {
  const silent = (peer: string, ...hops: string[]) => trusting('10.0.0.0/8', '::1').silentProxyOf(from(peer, ...hops))

  it.each([
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['::ffff:10.0.0.1', undefined, '10.0.0.1'],
    ['0:0:0:0:0:0:0:1', undefined, '::1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', ' ,\t, ', '10.0.0.1'],
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
    ['10.0.0.1', 'unknown, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', 'unknown, 10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ])('%s with X-Forwarded-For %j: %s', (peer, hops, proxy) => {
    expect(silent(peer, ...(hops === undefined ? [] : [hops]))).toBe(proxy)
  })

  it.each([
    ['10.0.0.1', '203.0.113.9'],
    ['10.0.0.1', 'unknown, 203.0.113.9'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2'],
    // A client inside the network of the proxies.
    ['10.0.0.1', '10.0.0.7'],
    ['192.0.2.1', '203.0.113.9'],
    ['192.0.2.1', ''],
  ])('%s with X-Forwarded-For %j: none', (peer, hops) => expect(silent(peer, hops)).toBeUndefined())

  it('one warning, which names the first one; none of an address that is no trusted proxy', () => {
    const warnings: string[] = []
    const addresses = createClientAddresses(
      ['10.0.0.0/8'],
      () => {},
      (address) => warnings.push(address),
    )
    for (const peer of ['192.0.2.1', '10.0.0.1', '10.0.0.2', '10.0.0.1']) addresses.silentProxyOf(from(peer))
    expect(warnings).toEqual(['10.0.0.1'])
  })

  it('requests of different clients on one connection: each its own answer', () => {
    const addresses = trusting('10.0.0.1')
    const first = from('10.0.0.1', '203.0.113.1')
    const onSame = (hops: string) => Object.assign(incoming({ 'x-forwarded-for': hops }), { socket: first.socket })
    expect(addresses.addressOf(first)).toBe('203.0.113.1')
    expect(addresses.silentProxyOf(onSame('unknown'))).toBe('10.0.0.1')
    expect(addresses.addressOf(onSame('203.0.113.2'))).toBe('203.0.113.2')
    expect(addresses.addressOf(first)).toBe('203.0.113.1')
  })
})
