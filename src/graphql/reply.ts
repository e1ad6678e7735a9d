import type { GraphQLError } from 'graphql'
import type { Reply } from '../http/send.ts'
import type { RunningOperation } from './engine.ts'
import type { Http } from './errors.ts'
import { contentTypes } from './media-type.ts'

/** The answer of both engines. `data` is JSON text; `undefined`: the operation was refused before it was executed. */
export function replyOf(running: RunningOperation, errors: readonly GraphQLError[], data: string | undefined): Reply {
  const { mediaType } = running.request
  running.errors = errors
  if (errors.length === 0) return { status: 200, headers: contentTypes[mediaType], body: `{"data":${data}}` }
  const { status, headers } = httpOf(errors, running)
  const rest = data === undefined ? '' : `,"data":${data}`
  return {
    status,
    headers: [...contentTypes[mediaType], ...Object.entries(headers).flat()],
    body: `{"errors":${JSON.stringify(errors.map(withoutHttp))}${rest}}`,
  }
}

/**
 * The statuses of GraphQL over HTTP (draft of 2025, section 6.4). With `application/json`, errors that the GraphQL
 * specification defines keep status 200.
 */
function httpOf(errors: readonly GraphQLError[], { request }: RunningOperation): Required<Omit<Http, 'spec'>> {
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

function withoutHttp(error: GraphQLError): object {
  const { extensions: { http, ...extensions } = {}, ...rest } = error.toJSON()
  return { ...rest, extensions }
}
