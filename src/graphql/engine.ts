import type { Reply } from '../http/send.ts'
import type { Bearer, Context, Services } from '../schema/context.ts'
import { movedTo, type PublicError, toPublicError } from './errors.ts'
import type { MediaType } from './media-type.ts'
import type { PreparedOperation } from './operations.ts'
import type { Params } from './params.ts'

/** Executes GraphQL operations. */
export type Engine = { execute(operation: RunningOperation): Reply | Promise<Reply> }

/** Gets the errors that no table expects, with the ID of the request. */
export type Unexpected = (error: unknown, requestId?: string) => void

/** A GraphQL request, read from HTTP: the operation, the caller, and the media type of the answer. */
export type GraphqlRequest = {
  readonly method: 'GET' | 'POST'
  /** Replaced by empty ones when they are prepared: an operation that waits for LINE need not keep them. */
  params: Params
  readonly mediaType: MediaType
  readonly bearer: Bearer
  readonly clientAddress: string
  readonly requestId: string
}

/** One request while an engine executes it. */
export type RunningOperation = {
  readonly request: GraphqlRequest
  readonly context: Context
  /** Set once the operation may be executed. */
  prepared: PreparedOperation | undefined
  /** The errors of the answer, in their public form. */
  errors: readonly PublicError[]
  /** Gets every error that is not expected. The caller gets a masked one. */
  readonly unexpected: Unexpected
}

/** `startedAt`: `performance.now()`. The deadline of the operation counts from it. */
export function startOperation(
  request: GraphqlRequest,
  services: Services,
  { startedAt, unexpected }: { readonly startedAt: number; readonly unexpected: Unexpected },
): RunningOperation {
  const { bearer, clientAddress } = request
  const deadline = startedAt + services.operationMs
  const context: Context = { services, bearer, clientAddress, deadline, tokensVerified: 0, addError }
  const running: RunningOperation = { request, context, prepared: undefined, errors: [], unexpected }
  return running

  function addError(error: unknown, path: readonly (string | number)[]): void {
    const known = toPublicError(error, (cause) => unexpected(cause, request.requestId))
    running.errors = [...running.errors, movedTo(path, known)]
  }
}
