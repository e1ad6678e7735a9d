import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, isIPv6, type Socket } from 'node:net'

export type ClientAddresses = {
  /** The address (IPv6: the /64 network) that a request counts for. */
  addressOf(request: IncomingMessage): string
}

/**
 * Whose request it is: the socket's address, or what `X-Forwarded-For` says where a trusted proxy wrote it. The list is
 * read from the right, past every proxy we trust, because everything further left is the caller's own word.
 */
export function createClientAddresses(trustedProxies: readonly string[], warnUnlisted: () => void): ClientAddresses {
  const trusted = toBlockList(trustedProxies)
  const networks = new WeakMap<Socket, string>()
  let warned = false

  return { addressOf }

  function addressOf(request: IncomingMessage): string {
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined) return networkOfPeer(request.socket)
    const peer = plain(request.socket.remoteAddress ?? '')
    if (!isTrusted(peer)) {
      if (!warned) warnUnlisted()
      warned = true
      return networkOf(peer)
    }
    const hops = String(forwarded)
      .split(',')
      .map((hop) => plain(withoutPort(hop.trim())))
    return networkOf(hops.findLast((hop) => !isTrusted(hop)) ?? hops[0] ?? peer)
  }

  /** Worked out once a connection. */
  function networkOfPeer(socket: Socket): string {
    const known = networks.get(socket)
    if (known !== undefined) return known
    const network = networkOf(plain(socket.remoteAddress ?? ''))
    networks.set(socket, network)
    return network
  }

  function isTrusted(address: string): boolean {
    return isIP(address) !== 0 && trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }
}

function toBlockList(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Some proxies write the port along: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
}

/** An IPv4 address behind an IPv6 socket is still an IPv4 address. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address
}

/** Whoever has one IPv6 address has the 2^64 of its network: they count as one. What is no address counts as one too. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return isIPv4(address) ? address : 'unknown'
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? []
  const left = head.split(':').filter((group) => group !== '')
  const right = tail.split(':').filter((group) => group !== '')
  const gap = address.includes('::') ? Array(Math.max(8 - left.length - right.length, 0)).fill('0') : []
  return `${[...left, ...gap, ...right]
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
