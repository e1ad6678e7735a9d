import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6, type Socket } from 'node:net'
import { networkOf, plainAddress, readAddress } from './network.ts'

export type ClientAddresses = {
  /** The network that a request counts for: an IPv4 address, or the /64 network of an IPv6 address. */
  addressOf(request: IncomingMessage): string
  /**
   * The address of a trusted proxy that does not say for which client it sends this request. `undefined`: the request has
   * the address of its client, or comes from no trusted proxy.
   */
  silentProxyOf(request: IncomingMessage): string | undefined
}

type Peer = {
  readonly address: string
  readonly network: string
  readonly isTrusted: boolean
  /** What the last `X-Forwarded-For` of this connection says. It is asked for several times in each request. */
  last: Forwarded | undefined
}

type Forwarded = { readonly header: string; readonly network: string; readonly silentProxy: string | undefined }

/** More proxies than this are not in a row. A longer list was made by a caller. */
const mostHops = 100
/** For a connection that was closed before its address was read. */
const unknown = 'unknown'

/**
 * Finds the client address: the address of the socket, or an address from `X-Forwarded-For` if a trusted proxy sent it.
 * Each proxy adds the address of its own client at the right end, so the header is read from the right. The first
 * address that is not a trusted proxy counts. The caller can forge everything to the left of it. If all of them are
 * trusted proxies, the leftmost one counts. A hop that is not an address (`unknown`, `_hidden`) ends the search: its
 * client counts as the proxy that wrote it. `warnUnlisted` is called once, with the address that sent the first header
 * without being trusted. `warnSilent` is called once, with the first address that `silentProxyOf` finds.
 */
export function createClientAddresses(
  trustedProxies: readonly string[],
  warnUnlisted: (address: string) => void,
  warnSilent: (address: string) => void = () => {},
): ClientAddresses {
  const trusted = toBlockList(trustedProxies)
  // Kept on the socket: a WeakMap would be asked for each request.
  const kept = Symbol('peer')
  let warned = false
  let warnedOfSilence = false

  return { addressOf, silentProxyOf }

  function addressOf(request: IncomingMessage): string {
    const peer = peerOf(request.socket)
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined) return peer.network
    if (peer.isTrusted) return forwardedBy(peer, String(forwarded)).network
    if (!warned) warnUnlisted(plainAddress(peer.address))
    warned = true
    return peer.network
  }

  function silentProxyOf(request: IncomingMessage): string | undefined {
    const peer = peerOf(request.socket)
    if (!peer.isTrusted) return undefined
    const { silentProxy } = forwardedBy(peer, String(request.headers['x-forwarded-for'] ?? ''))
    if (silentProxy !== undefined && !warnedOfSilence) {
      warnSilent(silentProxy)
      warnedOfSilence = true
    }
    return silentProxy
  }

  /** Read once for each connection. */
  function peerOf(socket: Socket & { [kept]?: Peer }): Peer {
    const known = socket[kept]
    if (known !== undefined) return known
    const address = readAddress(socket.remoteAddress ?? '')
    const peer =
      address === undefined
        ? { address: unknown, network: unknown, isTrusted: false, last: undefined }
        : { address, network: networkOf(address), isTrusted: isTrusted(address), last: undefined }
    socket[kept] = peer
    return peer
  }

  function forwardedBy(peer: Peer, header: string): Forwarded {
    if (peer.last?.header !== header) peer.last = readForwarded(header, peer)
    return peer.last
  }

  function readForwarded(header: string, peer: Peer): Forwarded {
    let address = peer.address
    let isNamed = false
    let end = header.length
    for (let count = 0; end > 0 && count < mostHops; count += 1) {
      const start = header.lastIndexOf(',', end - 1) + 1
      const hop = header.slice(start, end).trim()
      end = start - 1
      if (hop === '') continue
      const named = readHop(hop)
      isNamed = named !== undefined
      if (named === undefined) break
      address = named
      if (!isTrusted(address)) break
    }
    return { header, network: networkOf(address), silentProxy: isNamed ? undefined : plainAddress(address) }
  }

  function isTrusted(address: string): boolean {
    return trusted.check(address, familyOf(address))
  }
}

/** It also compares IPv4 with IPv4-mapped IPv6, in blocks and in addresses. */
function toBlockList(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/')
    if (prefix === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(prefix), familyOf(address))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

/** The address of a hop. It can have quotes and a port: `192.0.2.1:443`, `[2001:db8::1]`, `"[2001:db8::1]:443"`. */
function readHop(hop: string): string | undefined {
  const text = hop.startsWith('"') && hop.endsWith('"') ? hop.slice(1, -1).trim() : hop
  return readAddress(text) ?? readAddress(withoutPort(text))
}

function withoutPort(text: string): string {
  const start = text.startsWith('[') ? 1 : 0
  const end = text.indexOf(start === 1 ? ']' : ':')
  const rest = text.slice(end + start)
  return end !== -1 && (rest === '' || /^:\d{1,5}$/.test(rest)) ? text.slice(start, end) : text
}
