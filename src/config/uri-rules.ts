import { isLoopbackName } from '../http/loopback.ts'

/** The rules that settings and arguments share. */

const longestRedirectUri = 2_000
const unsafeScheme = /^(javascript|vbscript|data|file|filesystem|blob|about|view-source|jar|ftp|wss?):/i

export const redirectUriRule = `must be an absolute URI of at most ${longestRedirectUri} characters without fragment or user: https, http on loopback only, or an app's own scheme`

/**
 * Whether LINE may send a browser to this URI with an authorization code (RFC 9700 section 2.1). Without white space,
 * control characters and half characters, so that every reader of the text sees the same URI.
 */
export function isRedirectUri(uri: string): boolean {
  if (uri.length > longestRedirectUri || !URL.canParse(uri)) return false
  if (!/^[a-z][a-z0-9+.-]*:(?!\/\/[^/?]*@)[^\s\p{C}#\\]+$/iu.test(uri)) return false
  if (/^https?:/i.test(uri)) return /^https?:\/\/[^/]/i.test(uri) && isEncryptedOrLoopback(new URL(uri))
  return !unsafeScheme.test(uri)
}

export function isEncryptedOrLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname))
}
