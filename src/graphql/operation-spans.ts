import type { Reply } from '../http/send.ts'
import { outcomeOf } from '../telemetry/metric-labels.ts'
import type { AttributesOf } from '../telemetry/span-table.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { Engine, RunningOperation } from './engine.ts'

/** Gives each operation a span below that of its request. Without `tracing`, the engine stays as it is. */
export function traceOperations(engine: Engine, tracing: Tracing | undefined): Engine {
  return tracing === undefined ? engine : { execute: (running) => traced(engine, running, tracing) }
}

/** What an operation is, the engine finds out. */
function traced(engine: Engine, running: RunningOperation, { openBelow }: Tracing): Reply | Promise<Reply> {
  const own = openBelow('operation', { name: 'GraphQL Operation' })
  if (own === undefined) return engine.execute(running)
  const run = () => engine.execute(running)
  return own.follow(run, () => {
    if (running.prepared !== undefined) own.span.updateName(running.prepared.kind)
    return factsOf(running)
  })
}

function factsOf({ prepared, errors }: RunningOperation): AttributesOf<'operation'> {
  const code = errors.length === 0 ? 'OK' : String(errors[0]?.extensions.code)
  return {
    ...(prepared && { 'graphql.operation.type': prepared.kind, 'gateway.operation.fields': prepared.fields }),
    'gateway.code': code,
    ...(hasFailed(code) && { 'error.type': code }),
  }
}

/** A bad token or a bad request is the caller's fault, and no failure of the operation. */
function hasFailed(code: string): boolean {
  const outcome = outcomeOf(code)
  return outcome === 'unavailable' || outcome === 'failed'
}
