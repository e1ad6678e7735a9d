import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'

/**
 * True if the caller knows the emulator by a loopback name. The emulator shows tokens to everybody who asks, and a web page
 * can give its own name the address 127.0.0.1 (DNS rebinding). A target such as `http://name/path` has a host too.
 */
export function hasLoopbackHost({ url = '', headers: { host = '' } }: IncomingMessage): boolean {
  if (!isLoopback(host.replace(/:\d*$/, ''))) return false
  return url.startsWith('/') || (URL.canParse(url) && isLoopback(new URL(url).hostname))
}

/** True for an `Origin` header of a page of this machine, on any port. */
export function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.origin === origin && isLoopback(url.hostname)
}

/**
 * True for a form that a page of another site sends. Browsers say where a form comes from: in `Origin`, and where that is
 * `null` in `Sec-Fetch-Site`. Other clients say neither.
 */
export function isForeignForm({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (origin !== undefined && origin !== 'null') return !isLoopbackOrigin(origin)
  return site === undefined ? origin === 'null' : site === 'cross-site'
}

function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || /^[\w.-]+\.localhost$/.test(name) || name === '[::1]') return true
  return isIPv4(name) && name.startsWith('127.')
}
