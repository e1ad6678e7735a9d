import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'

/**
 * True if the caller knows the emulator by a loopback name. The emulator shows tokens to everybody who asks, and a web page
 * can give its own name the address 127.0.0.1 (DNS rebinding). A target such as `http://name/path` has a host too.
 */
export function hasLoopbackHost({ url = '', headers: { host = '' } }: IncomingMessage): boolean {
  if (!isLoopback(host.replace(/:\d*$/, ''))) return false
  return url.startsWith('/') || (URL.canParse(url) && isLoopback(new URL(url).hostname))
}

function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]') return true
  return isIPv4(name) && name.startsWith('127.')
}
