import type { HeaderList } from './send.ts'

/** The two media types of GraphQL over HTTP. The older one answers 200 to whatever is well-formed. */
export type MediaType = 'application/graphql-response+json' | 'application/json'

/** What we write in either. */
export const contentTypes: Record<MediaType, HeaderList> = {
  'application/graphql-response+json': ['content-type', 'application/graphql-response+json; charset=utf-8'],
  'application/json': ['content-type', 'application/json; charset=utf-8'],
}

/**
 * What a client accepts (RFC 9110 section 12.5.1), the newer media type only where it is named. `undefined`: nothing we
 * have.
 */
export function acceptedMediaType(accept: string | undefined): MediaType | undefined {
  if (accept === undefined || accept === '' || accept === '*/*') return 'application/json'
  if (accept === last.accept) return last.mediaType
  const mediaType = negotiate(accept)
  last = { accept, mediaType }
  return mediaType
}

/** Most clients of one gateway say the same each time. */
let last: { readonly accept: string; readonly mediaType: MediaType | undefined } = { accept: '', mediaType: undefined }

function negotiate(accept: string): MediaType | undefined {
  const ranges = accept
    .toLowerCase()
    .replace(/\s/g, '')
    .split(',')
    .filter(isUsable)
    .sort((one, other) => weightOf(other) - weightOf(one))
    .map((range) => range.split(';')[0])
  for (const range of ranges) {
    if (range === 'application/graphql-response+json') return 'application/graphql-response+json'
    if (range === 'application/json' || range === 'application/*' || range === '*/*') return 'application/json'
  }
  return undefined
}

/** We write UTF-8 only, and a range of weight zero is one the client does not want. */
function isUsable(range: string): boolean {
  return !/;charset=(?!"?utf-8"?(;|$))/.test(range) && !/;q=0(\.0*)?(;|$)/.test(range)
}

function weightOf(range: string): number {
  return Number(/;q=(\d(\.\d+)?)(;|$)/.exec(range)?.[1] ?? 1)
}
