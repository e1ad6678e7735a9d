import { isIP } from 'node:net'

export type Target = {
  readonly host: string
  readonly port: number
  readonly db: number
  readonly username?: string
  readonly password?: string
  readonly tls?: { readonly servername?: string }
}

/**
 * Where Redis is, from a `redis://` or `rediss://` URL: user and password percent-encoded, the number of the database as
 * path. `rediss://`: TLS that checks the certificate and its name.
 */
export function parseTarget(url: string): Target {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const host = decode(hostname.replace(/^\[(.*)\]$/, '$1'))
  return {
    host,
    port: Number(port || 6379),
    db: Number(pathname.slice(1)) || 0,
    ...(username !== '' && { username: decode(username) }),
    ...(password !== '' && { password: decode(password) }),
    // A server for many names chooses its certificate by this name. An address cannot be one (RFC 6066).
    ...(protocol === 'rediss:' && { tls: isIP(host) === 0 ? { servername: host } : {} }),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
