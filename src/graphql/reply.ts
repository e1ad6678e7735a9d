import type { GraphQLError } from 'graphql'
import type { Reply } from '../http/send.ts'
import type { RunningOperation } from './engine.ts'
import { type Http, type PublicError, publicError, toPublicData } from './errors.ts'
import { contentTypes } from './media-type.ts'

/** The most that the answer of a query may have: a list of tokens multiplies what its elements select. */
const mostErrors = 200
const mostCharacters = 256 * 1024

/** The answer of both engines. `data` is JSON text; `undefined`: the operation was refused before it was executed. */
export function replyOf(running: RunningOperation, errors: readonly unknown[], data: string | undefined): Reply {
  const isQuery = running.prepared?.kind === 'query'
  if (isQuery && data !== undefined && data.length > mostCharacters) return write(running, [tooLarge()], undefined)
  // A null whose error is left out would look like an answer, so all data is left out with it.
  if (isQuery && errors.length > mostErrors) return write(running, errors.slice(0, mostErrors), 'null')
  return write(running, errors, data)
}

function write(running: RunningOperation, errors: readonly unknown[], data: string | undefined): Reply {
  const { mediaType, requestId } = running.request
  if (errors.length === 0) return { status: 200, headers: contentTypes[mediaType], body: `{"data":${data}}` }
  const unexpected = (cause: unknown) => running.unexpected(cause, requestId)
  running.errors = errors.map((error) => toPublicData(error, unexpected))
  const { status, headers } = httpOf(running.errors, running)
  const rest = data === undefined ? '' : `,"data":${data}`
  return {
    status,
    headers: [...contentTypes[mediaType], ...Object.entries(headers).flat()],
    body: `{"errors":${JSON.stringify(running.errors.map(withoutHttp))}${rest}}`,
  }
}

function tooLarge(): GraphQLError {
  const message = `The answer has more than ${mostCharacters} characters: select less or verify fewer tokens`
  return publicError(message, { code: 'OPERATION_TOO_COMPLEX', http: { status: 400 } })
}

/**
 * The statuses of GraphQL over HTTP (draft of 2025, section 6.4). With `application/json`, errors that the GraphQL
 * specification defines keep status 200.
 */
function httpOf(errors: readonly PublicError[], { request }: RunningOperation): Required<Omit<Http, 'spec'>> {
  let status = 200
  const headers: Record<string, string> = {}
  for (const { extensions } of errors) {
    const http = extensions.http as Http | undefined
    Object.assign(headers, http?.headers)
    const keeps200 = http?.spec === true && request.mediaType === 'application/json'
    if (http?.status !== undefined && !keeps200) status = Math.max(status, http.status)
  }
  return { status, headers }
}

function withoutHttp({ message, locations, path, extensions: { http, ...extensions } }: PublicError): object {
  return { message, locations, path, extensions }
}
