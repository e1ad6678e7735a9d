import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'

/** True for `localhost`, names that end in `.localhost`, 127.0.0.0/8 and `[::1]`. The form is that of `URL.hostname`. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]') return true
  return isIPv4(name) && name.startsWith('127.')
}

/** An origin of this machine in the form that is easiest to read and to type. `origin`: `http://HOST:PORT`. */
export function localhostOrigin(origin: string): string {
  return origin.replace(/\/\/.*:/, '//localhost:')
}

/**
 * True if the caller knows this server by a loopback name. A web page can give its own name the address 127.0.0.1 (DNS
 * rebinding). Then the browser lets it read our pages, but it sends the page's name as `Host`. An absolute-form target
 * (RFC 9112 section 3.2.2) has a host too. A request without `Host` is not for a loopback name.
 */
export function hasLoopbackHost({ url = '', headers: { host = '' } }: IncomingMessage): boolean {
  return isLoopbackName(host.replace(/:\d*$/, '')) && (url.startsWith('/') || isLoopbackTarget(url))
}

function isLoopbackTarget(url: string): boolean {
  return URL.canParse(url) && isLoopbackName(new URL(url).hostname)
}

/** The answer to other names, with status 421 (RFC 9110 section 15.5.20). */
export const loopbackOnly = 'This page is only for loopback names: open it as localhost or 127.0.0.1'
