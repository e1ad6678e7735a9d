import { negotiateMediaType } from '../http/content-negotiation.ts'
import type { HeaderList } from '../http/send.ts'

/** The two media types of GraphQL over HTTP. With `application/json`, every well-formed request is answered 200. */
export type MediaType = 'application/graphql-response+json' | 'application/json'

/** The `Content-Type` of an answer in each. */
export const contentTypes: Record<MediaType, HeaderList> = {
  'application/graphql-response+json': ['content-type', 'application/graphql-response+json; charset=utf-8'],
  'application/json': ['content-type', 'application/json; charset=utf-8'],
}

const offered = ['application/json', 'application/graphql-response+json'] as const

/** The media type a client accepts: the newer one only where it is named. `undefined`: neither. */
export function acceptedMediaType(accept: string | undefined): MediaType | undefined {
  if (accept === undefined || accept === '' || accept === '*/*') return 'application/json'
  if (accept === last.accept) return last.mediaType
  const mediaType = negotiateMediaType(accept, offered)
  last = { accept, mediaType }
  return mediaType
}

/** The clients of one gateway mostly send the same `Accept` each time. */
let last: { readonly accept: string; readonly mediaType: MediaType | undefined } = { accept: '', mediaType: undefined }
