import type { Reply } from '../../http/send.ts'
import type { Engine, RunningOperation } from '../engine.ts'
import type { PrepareOperation, ReadyOperation } from '../prepare-operation.ts'
import { replyOf } from '../reply.ts'
import type { Result } from './plan.ts'

/**
 * The fast engine: runs operations from their plans, and returns no promise if no resolver returned one. Operations without a plan go
 * to the general engine. A test sends the same operations through both engines and expects the same answers.
 */
export function createPlannedEngine(prepareOperation: PrepareOperation, general: Engine): Engine {
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
    running.prepared = prepared
    if (prepared.plan === undefined) return general.execute(running)
    running.request.params = noParams
    const result = prepared.plan.run(running.context, variables)
    return result instanceof Promise ? result.then((settled) => answered(running, settled)) : answered(running, result)
  }
}

const noParams = Object.freeze({ query: '' })

function answered(running: RunningOperation, { data, errors }: Result): Reply {
  return replyOf(running, errors === undefined ? running.errors : [...errors, ...running.errors], data)
}

function refused(running: RunningOperation, error: unknown): Reply {
  return replyOf(running, error instanceof AggregateError ? error.errors : [error], undefined)
}
