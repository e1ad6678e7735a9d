import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { RunningOperation } from '../graphql/engine.ts'
import { lineFactsOf } from '../graphql/errors.ts'
import { failedFields } from '../graphql/failed-fields.ts'
import type { RequestRefused } from '../http/read-request.ts'
import { requestIdOf } from '../http/request-id.ts'
import type { Operation } from '../telemetry/telemetry.ts'

/** The route of all GraphQL requests in metrics and spans. */
export const graphqlRoute = '/graphql'

/** An operation with its answer, for metrics and the log line. `startedAt`: `performance.now()`. */
export function operationOf(
  { request, prepared, errors }: RunningOperation,
  status: number,
  startedAt: number,
): Operation {
  const ended: Operation = {
    kind: prepared?.kind ?? 'none',
    fields: prepared?.fields ?? [],
    method: request.method,
    route: graphqlRoute,
    code: 'OK',
    status,
    ms: performance.now() - startedAt,
    requestId: request.requestId,
    network: request.clientAddress,
  }
  return errors.length === 0 ? ended : { ...ended, ...failureOf(prepared, errors) }
}

function failureOf(prepared: RunningOperation['prepared'], errors: RunningOperation['errors']) {
  const code = String(errors[0]?.extensions.code)
  return { code, failures: prepared && failedFields(prepared, errors), ...lineFactsOf(errors) }
}

/** A request that was refused before its operation was executed, or that got no answer before the process ends. */
export function refusedOperation(
  request: IncomingMessage,
  { code, status }: RequestRefused,
  { network, startedAt }: { readonly network: string; readonly startedAt: number },
): Operation {
  return {
    kind: 'none',
    fields: [],
    method: request.method ?? '',
    route: graphqlRoute,
    code,
    status,
    ms: performance.now() - startedAt,
    requestId: requestIdOf(request),
    network,
  }
}
