import type { Reply } from '../../http/send.ts'
import type { Engine, RunningOperation } from '../engine.ts'
import { type Http, type PublicError, toPublicData } from '../errors.ts'
import { contentTypes } from '../media-type.ts'
import type { PrepareOperation, ReadyOperation } from '../prepare-operation.ts'
import type { Result } from './plan.ts'

/**
 * The fast engine: runs operations from their plans, and returns no promise if no resolver returned one. Operations without a plan go
 * to the general engine. A test sends the same operations through both engines and expects the same answers.
 */
export function createPlannedEngine(
  prepareOperation: PrepareOperation,
  general: Engine,
  unexpected: (error: unknown) => void,
): Engine {
  return { execute }

  function execute(running: RunningOperation): Reply | Promise<Reply> {
    const { params, method } = running.request
    if (method === 'GET') return general.execute(running)
    let ready: ReadyOperation
    try {
      ready = prepareOperation(params, method)
    } catch (error) {
      return refused(running, error)
    }
    const { prepared, variables } = ready
    if (prepared.plan === undefined) return general.execute(running)
    running.prepared = prepared
    const result = prepared.plan.run(running.context, variables)
    return result instanceof Promise ? result.then((settled) => replyOf(running, settled)) : replyOf(running, result)
  }

  function replyOf(running: RunningOperation, { data, errors = noErrors }: Result): Reply {
    if (errors.length === 0 && running.errors.length === 0) {
      return { status: 200, headers: contentTypes[running.request.mediaType], body: `{"data":${data}}` }
    }
    return withErrors(running, [...toPublic(errors), ...running.errors], `,"data":${data}`)
  }

  function refused(running: RunningOperation, error: unknown): Reply {
    return withErrors(running, toPublic(error instanceof AggregateError ? error.errors : [error]), '')
  }

  function toPublic(errors: readonly unknown[]): PublicError[] {
    return errors.map((error) => toPublicData(error, unexpected))
  }
}

const noErrors: readonly unknown[] = []

/**
 * The statuses of GraphQL over HTTP (draft of 2025, section 6.4). With `application/json`, errors that the GraphQL
 * specification defines keep status 200.
 */
function withErrors(running: RunningOperation, errors: readonly PublicError[], data: string): Reply {
  const { mediaType } = running.request
  running.errors = errors
  let status = 200
  const headers: Record<string, string> = {}
  for (const { extensions } of errors) {
    const http = extensions.http as Http | undefined
    Object.assign(headers, http?.headers)
    const keeps200 = http?.spec === true && mediaType === 'application/json'
    if (http?.status !== undefined && !keeps200) status = Math.max(status, http.status)
  }
  return {
    status,
    headers: [...contentTypes[mediaType], ...Object.entries(headers).flat()],
    body: `{"errors":${JSON.stringify(errors.map(withoutHttp))}${data}}`,
  }
}

function withoutHttp({ message, locations, path, extensions: { http, ...extensions } }: PublicError): object {
  return { message, locations, path, extensions }
}
