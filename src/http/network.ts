import { isIP, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The longest address is `0000:…:255.255.255.255` with a zone: 45 characters, `%`, and the name of an interface. */
const longestAddress = 64

/**
 * The address in a text, without its zone. `undefined` if the text is not an address. Node decides what an address is:
 * ipaddr.js also reads `1`, `0x7f.1` and `010.0.0.1`.
 */
export function readAddress(text: string): string | undefined {
  if (text.length > longestAddress || isIP(text) === 0) return undefined
  return text.split('%')[0]
}

/**
 * The network that counts as one client. All spellings of an address give the same text. An IPv4 address is its own
 * network, also where it is written inside an IPv6 address. A client with one IPv6 address has its whole /64 network.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const groups = groupsOf(address)
  return ipv4Within(groups) ?? blockText(groups.slice(0, 4), 64)
}

/** The /56 network around a /64 network: providers give one customer a whole /56. `undefined` for an IPv4 address. */
export function wideNetworkOf(network: string): string | undefined {
  if (!network.endsWith('/64')) return undefined
  const groups = groupsOf(network.slice(0, -3))
  return blockText([...groups.slice(0, 3), (groups[3] ?? 0) & 0xff00], 56)
}

/** An address in its usual spelling (RFC 5952), IPv4 where it is an IPv4-mapped one. */
export function plainAddress(address: string): string {
  if (!isIPv6(address)) return address
  const groups = groupsOf(address)
  return startsWith(groups, ipv4Mapped) ? lastFourBytes(groups) : new ipaddr.IPv6([...groups]).toRFC5952String()
}

type Groups = readonly number[]

/** The eight groups of 16 bits. The IPv4 ending is converted here: ipaddr.js reads `::192.0.2.1` as `::ffff:192.0.2.1`. */
function groupsOf(address: string): Groups {
  const tail = address.lastIndexOf(':') + 1
  if (!address.includes('.', tail)) return ipaddr.IPv6.parse(address).parts
  const [a = 0, b = 0, c = 0, d = 0] = address.slice(tail).split('.').map(Number)
  return ipaddr.IPv6.parse(`${address.slice(0, tail)}${hex(a, b)}:${hex(c, d)}`).parts
}

function hex(high: number, low: number): string {
  return (high * 256 + low).toString(16)
}

const ipv4Mapped = [0, 0, 0, 0, 0, 0xffff] // RFC 4291 section 2.5.5.2
const ipv4Compatible = [0, 0, 0, 0, 0, 0] // RFC 4291 section 2.5.5.1
const ipv4Translated = [0, 0, 0, 0, 0xffff, 0] // RFC 2765 section 2.1
const nat64 = [0x64, 0xff9b, 0, 0, 0, 0] // RFC 6052 section 2.1
const sixToFour = 0x2002 // RFC 3056: the IPv4 address of the router follows
const localNat64 = [0x64, 0xff9b, 1] // RFC 8215

/** The IPv4 address that an IPv6 address carries in its last four bytes. */
function ipv4Within(groups: Groups): string | undefined {
  const carries =
    [ipv4Mapped, ipv4Translated, nat64].some((prefix) => startsWith(groups, prefix)) ||
    (startsWith(groups, ipv4Compatible) && hasHost(groups)) ||
    (startsWith(groups, localNat64) && hasSuffix(groups))
  if (carries) return lastFourBytes(groups)
  return groups[0] === sixToFour ? fourBytes(groups, 1) : undefined
}

function startsWith(groups: Groups, prefix: Groups): boolean {
  return prefix.every((group, at) => groups[at] === group)
}

/** No host has an address in 0.0.0.0/8. So `::` and `::1` stay IPv6 addresses. */
function hasHost(groups: Groups): boolean {
  return (groups[6] ?? 0) > 0xff
}

/**
 * In 64:ff9b:1::/48 each operator chooses where the IPv4 address is. RFC 6052 section 2.2 has a zero in the last three
 * bytes of every form but one: the form with the IPv4 address at the end.
 */
function hasSuffix(groups: Groups): boolean {
  return ((groups[6] ?? 0) & 0xff) !== 0 || groups[7] !== 0
}

function lastFourBytes(groups: Groups): string {
  return fourBytes(groups, 6)
}

function fourBytes(groups: Groups, at: number): string {
  const [high = 0, low = 0] = groups.slice(at)
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

function blockText(left: Groups, prefix: number): string {
  return `${new ipaddr.IPv6([...left, 0, 0, 0, 0]).toRFC5952String()}/${prefix}`
}
