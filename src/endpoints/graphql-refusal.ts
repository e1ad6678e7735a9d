import type { IncomingMessage } from 'node:http'
import { publicError, retryAfterHeader } from '../graphql/errors.ts'
import { acceptedMediaType, contentTypes } from '../graphql/media-type.ts'
import type { RequestRefused } from '../http/read-request.ts'
import type { Reply } from '../http/send.ts'

/** The answer to a GraphQL request that is refused before its operation is executed. */
export function graphqlRefusal({ headers: { accept } }: IncomingMessage, refused: RequestRefused): Reply {
  const { status, message, code, headers, retryAfter } = refused
  const mediaType = acceptedMediaType(accept) ?? 'application/json'
  const errors = [publicError(message, { code, retryAfter })]
  const own = [...Object.entries(headers).flat(), ...retryAfterHeader(errors)]
  return { status, headers: [...contentTypes[mediaType], ...own], body: JSON.stringify({ errors }) }
}
