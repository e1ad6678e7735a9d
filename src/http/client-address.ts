import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, isIPv6, type Socket } from 'node:net'

export type ClientAddresses = {
  /** The address that a request counts for. For IPv6 it is the /64 network. */
  addressOf(request: IncomingMessage): string
}

/**
 * Finds the client address: the address of the socket, or an address from `X-Forwarded-For` if a trusted proxy sent it.
 * The header is read from the right, and the first address that is not a trusted proxy counts. The caller can forge all
 * addresses to the left of it. If all of them are trusted proxies, the leftmost one counts. `warnUnlisted` is called once,
 * for the first header from an address that is not trusted.
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

  /** Computed once for each connection. */
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

/** Some proxies add the port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
}

/** An IPv6 socket reports an IPv4 client as `::ffff:192.0.2.1`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address
}

/**
 * A client with one IPv6 address has all 2^64 addresses of its /64 network, so they count as one client. All texts that
 * are not an address count as one client as well.
 */
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
