/**
 * The path of a request target (RFC 9112 section 3.2), as it was sent. The target is a path with a query string, or the
 * absolute form that clients send to a proxy. Any other target (`*`, `host:port`) has no path: the answer is ''.
 */
export function pathOf(target: string): string {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  return path.startsWith('/') ? path : pathOfUrl(path)
}

/** Everything after the first `?`. A second one is data (RFC 3986 section 3.4). */
export function queryOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? '' : target.slice(mark + 1)
}

function pathOfUrl(url: string): string {
  const scheme = schemes.find((one) => url.slice(0, one.length).toLowerCase() === one)
  const slash = scheme === undefined ? -1 : url.indexOf('/', scheme.length)
  // Without a host, the slash would be the first character after the scheme.
  return scheme === undefined || slash <= scheme.length ? '' : url.slice(slash)
}

const schemes = ['http://', 'https://']
