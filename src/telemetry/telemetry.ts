import pino, { type Logger } from 'pino'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { errorFields } from './error-fields.ts'
import { createDurations, createTally } from './meters.ts'

/** One call to LINE: the five facts LINE asks its integrators to keep, how it ended, and nothing else of the call. */
export type LineCall = {
  readonly endpoint: string
  readonly method: 'GET' | 'POST'
  /** Absent where LINE gave no answer. */
  readonly status: number | undefined
  readonly lineRequestId: string | undefined
  readonly outcome: 'answered' | 'limited' | 'failed'
  /** Why there is no usable answer, in our own words. */
  readonly failure?: string
  readonly ms: number
}

/** One GraphQL operation, or one that was refused before it could become one. */
export type Operation = {
  readonly kind: 'query' | 'mutation' | 'none'
  /** The names of the selected root fields, which are the schema's own words and not the caller's. */
  readonly fields: string
  /** `OK`, or the code of the first error. */
  readonly code: string
  readonly status: number
  readonly ms: number
  readonly lineRequestId?: string | undefined
}

/** How a look-up of a token ended in the tier that settled it. */
export type LookUp =
  | 'fresh'
  | 'rechecking'
  | 'stale'
  | 'missed'
  | 'joined'
  | 'refused_here'
  | 'refused_by_line'
  | 'unanswered'
  | 'limited'

export type Telemetry = {
  readonly log: Logger
  lineCall(call: LineCall): void
  operation(operation: Operation): void
  lookUp(outcome: LookUp): void
  /** Something nobody expected: logged whole, secrets excepted, with the field it happened in. */
  unexpected(error: unknown, where: string): void
  /** Prometheus text exposition format. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** A number read when the metrics are asked for. */
  gauge(name: string, help: string, read: () => number): void
}

export type TelemetryOptions = {
  readonly logLevel: string
  /** Where the log lines go; standard output in production. */
  readonly destination?: { write(line: string): void }
}

/** Operations slower than this get a line in the log though they went well. */
const slowMs = 1_000

/** Log lines and counters. Every field is named here, so that nothing a caller or LINE sent can travel along unseen. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const log = pino(
    { level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    options.destination,
  )
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const meters = createMeters(registry)

  return { log, lineCall, operation, lookUp, unexpected, metrics, gauge }

  function lineCall(call: LineCall): void {
    meters.lineCalls.add(call.endpoint, call.outcome)
    meters.lineSeconds.observe(call.ms / 1_000, call.endpoint)
    const answered = call.outcome === 'answered'
    if (answered && !log.isLevelEnabled('debug')) return
    const line = { ...call, ms: Math.round(call.ms) }
    if (answered) log.debug(line, 'asked LINE')
    else log.warn(line, 'LINE did not answer')
  }

  function operation(done: Operation): void {
    meters.operations.add(done.kind, done.code)
    meters.operationSeconds.observe(done.ms / 1_000)
    const slow = done.ms > slowMs
    if (done.code === 'OK' && !slow && !log.isLevelEnabled('debug')) return
    const line = { ...done, ms: Math.round(done.ms) }
    if (done.code !== 'OK') log.info(line, 'operation failed')
    else if (slow) log.info(line, 'operation was slow')
    else log.debug(line, 'operation')
  }

  function lookUp(outcome: LookUp): void {
    meters.lookUps.add(outcome)
  }

  function unexpected(error: unknown, where: string): void {
    log.error({ where, ...errorFields(error) }, 'unexpected error')
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({ name, help, registers: [registry], collect: collectInto(read) })
  }

  async function metrics() {
    return { contentType: registry.contentType, text: await registry.metrics() }
  }
}

/** One that says nothing, for tests that do not look. */
export function createSilentTelemetry(): Telemetry {
  return createTelemetry({ logLevel: 'silent' })
}

function createMeters(registry: Registry) {
  return {
    operations: createTally(registry, {
      name: 'gateway_operations_total',
      help: 'GraphQL operations by kind and the code of their first error',
      labelNames: ['kind', 'code'],
    }),
    operationSeconds: createDurations(registry, {
      name: 'gateway_operation_duration_seconds',
      help: 'From the last byte of the request to the first of the answer',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3],
    }),
    lookUps: createTally(registry, {
      name: 'gateway_token_lookups_total',
      help: 'Look-ups of access tokens by how they ended',
      labelNames: ['outcome'],
    }),
    lineCalls: createTally(registry, {
      name: 'gateway_line_calls_total',
      help: 'Calls to the LINE Platform by endpoint and outcome',
      labelNames: ['endpoint', 'outcome'],
    }),
    lineSeconds: createDurations(registry, {
      name: 'gateway_line_call_duration_seconds',
      help: 'Calls to the LINE Platform, waiting for a place included',
      labelNames: ['endpoint'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3],
    }),
  }
}

function collectInto(read: () => number) {
  return function collect(this: Gauge): void {
    this.set(read())
  }
}
