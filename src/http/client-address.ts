import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6, type Socket } from 'node:net'
import { networkOf, plainAddress, readAddress } from './network.ts'

export type ClientAddresses = {
  /** The network that a request counts for: an IPv4 address, or the /64 network of an IPv6 address. */
  addressOf(request: IncomingMessage): string
}

type Peer = { readonly address: string; readonly network: string; readonly isTrusted: boolean }

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
 * without being trusted.
 */
export function createClientAddresses(
  trustedProxies: readonly string[],
  warnUnlisted: (address: string) => void,
): ClientAddresses {
  const trusted = toBlockList(trustedProxies)
  const peers = new WeakMap<Socket, Peer>()
  let warned = false

  return { addressOf }

  function addressOf(request: IncomingMessage): string {
    const peer = peerOf(request.socket)
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined) return peer.network
    if (peer.isTrusted) return forwardedFor(String(forwarded), peer)
    if (!warned) warnUnlisted(plainAddress(peer.address))
    warned = true
    return peer.network
  }

  /** Read once for each connection. */
  function peerOf(socket: Socket): Peer {
    const known = peers.get(socket)
    if (known !== undefined) return known
    const address = readAddress(socket.remoteAddress ?? '')
    const peer =
      address === undefined
        ? { address: unknown, network: unknown, isTrusted: false }
        : { address, network: networkOf(address), isTrusted: isTrusted(address) }
    peers.set(socket, peer)
    return peer
  }

  function forwardedFor(header: string, peer: Peer): string {
    let proxy: string | undefined
    let end = header.length
    for (let count = 0; end > 0 && count < mostHops; count += 1) {
      const start = header.lastIndexOf(',', end - 1) + 1
      const hop = header.slice(start, end).trim()
      end = start - 1
      if (hop === '') continue
      const address = readHop(hop)
      if (address === undefined) break
      proxy = address
      if (!isTrusted(address)) break
    }
    return proxy === undefined ? peer.network : networkOf(proxy)
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
