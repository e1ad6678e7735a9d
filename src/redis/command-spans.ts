import type { Tracing } from '../telemetry/tracing.ts'
import type { RedisStream } from './stream.ts'
import type { Target } from './target.ts'

/** What a command is, without its keys and values. `script`: our name for it. */
export type CommandFacts = { readonly operation: string; readonly script?: string; readonly size?: number }

/** Sends a command, in a span of its own if traces are recorded. Gives what `send` gives. */
export type SendTraced = <Result>(facts: CommandFacts, send: () => Promise<Result>) => Promise<Result>

/** The client's own instrumentation sees no command: it would record the keys. */
export function traceCommands(tracing: Tracing | undefined, { host, port }: Pick<Target, 'host' | 'port'>): SendTraced {
  if (tracing === undefined) return (_, send) => send()
  const { openBelow, unseen } = tracing
  const server = { 'db.system.name': 'redis', 'server.address': host, 'server.port': port }

  return async ({ operation, script, size = 1 }, send) => {
    const own = openBelow('redis', {
      name: script === undefined ? operation : `${operation} ${script}`,
      attributes: {
        ...server,
        'db.operation.name': operation,
        ...(script !== undefined && { 'db.stored_procedure.name': script }),
        ...(size > 1 && { 'db.operation.batch.size': size }),
      },
    })
    if (own === undefined) return unseen(send)
    return own.follow(
      () => unseen(send),
      (reply) => (reply === 'away' || reply === 'refused' ? { 'error.type': String(reply) } : {}),
    )
  }
}

/** The stream is read all the time, for no request: nobody records that. */
export function hideStream(stream: RedisStream, tracing: Tracing | undefined): RedisStream {
  if (tracing === undefined) return stream
  const hidden = <Result>(read: () => Result) => tracing.apart(() => tracing.unseen(read))
  return {
    ...stream,
    readAfter: (id) => hidden(() => stream.readAfter(id)),
    has: (id) => hidden(() => stream.has(id)),
    last: () => hidden(stream.last),
  }
}
