import { preferredMediaType } from '../http/content-negotiation.ts'
import type { HeaderList } from '../http/send.ts'

/** The two media types of GraphQL over HTTP. With `application/json`, every well-formed request gets status 200. */
export type MediaType = 'application/graphql-response+json' | 'application/json'

/** The `Content-Type` header for each media type. */
export const contentTypes: Record<MediaType, HeaderList> = {
  'application/graphql-response+json': ['content-type', 'application/graphql-response+json; charset=utf-8'],
  'application/json': ['content-type', 'application/json; charset=utf-8'],
}

const offered = ['application/json', 'application/graphql-response+json'] as const

/** The media type for an `Accept` header. `undefined`: the client accepts neither. */
export function acceptedMediaType(accept: string | undefined): MediaType | undefined {
  if (accept === undefined || accept === '' || accept === '*/*') return 'application/json'
  if (accept === last.accept) return last.mediaType
  const mediaType = preferredMediaType(accept, offered)
  last = { accept, mediaType }
  return mediaType
}

/** The last result: the clients of one gateway mostly send the same `Accept`. */
let last: { readonly accept: string; readonly mediaType: MediaType | undefined } = { accept: '', mediaType: undefined }

/** True for a client that would rather have HTML than JSON, as browsers do. */
export function prefersHtml(accept: string | undefined): boolean {
  return accept !== undefined && preferredMediaType(accept, [...offered, 'text/html']) === 'text/html'
}
