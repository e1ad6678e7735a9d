import Negotiator from 'negotiator'

/**
 * The offered media type that an `Accept` header prefers (RFC 9110 section 12.5.1): the one with the highest weight, and
 * of equal ones the one that the header names first. No header means any type, so the first one. All our answers are in
 * UTF-8. `undefined`: the client accepts none of them.
 */
export function preferredMediaType<Type extends string>(
  accept: string | undefined,
  offered: readonly Type[],
): Type | undefined {
  const types = offered.map((type) => `${type}; charset=utf-8`)
  const chosen = new Negotiator({ headers: { accept: readable(accept) } }).mediaType(types)
  return chosen === undefined ? undefined : offered[types.indexOf(chosen)]
}

/** True if an `Accept-Encoding` header prefers gzip to the plain answer (section 12.5.3). No header means plain. */
export function prefersGzip(acceptEncoding: string | undefined): boolean {
  const headers = { 'accept-encoding': readable(acceptEncoding) }
  return new Negotiator({ headers }).encoding(['gzip', 'identity']) === 'gzip'
}

/** A longer header counts as absent. Browsers send about 150 characters. */
function readable(header: string | undefined): string | undefined {
  return header !== undefined && header.length <= longestHeader ? header : undefined
}

const longestHeader = 1_024
