import pino, { type Logger } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { errorFields } from './error-fields.ts'
import { createLogWriter } from './log-writer.ts'
import { createDurations, createTally } from './meters.ts'

/** One call to LINE: the five facts that LINE asks integrators to log, how it ended and how long it took. */
export type LineCall = {
  readonly endpoint: string
  readonly method: 'GET' | 'POST'
  /** `undefined` if LINE gave no answer. */
  readonly status: number | undefined
  readonly lineRequestId: string | undefined
  readonly outcome: 'answered' | 'limited' | 'failed'
  /** Why there is no usable answer. One of our own texts, never a text of LINE. */
  readonly failure?: string
  readonly ms: number
}

/** One GraphQL operation, or a request that was refused before an operation was read from it. */
export type Operation = {
  readonly kind: 'query' | 'mutation' | 'none'
  /** The names of the selected root fields, as in the schema. Aliases are the caller's words and are left out. */
  readonly fields: string
  /** `OK`, or the code of the first error. */
  readonly code: string
  readonly status: number
  readonly ms: number
  readonly lineRequestId?: string | undefined
}

/** The outcome of a token look-up, from the tier that answered it. */
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
  /** Logs an unexpected error with its stack and causes, without secrets. `where` is the field or place. */
  unexpected(error: unknown, where: string): void
  /** Prometheus text exposition format. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** Adds a gauge. `read` is called each time the metrics are read. */
  gauge(name: string, help: string, read: () => number): void
}

export type TelemetryOptions = {
  readonly logLevel: string
  /** Receives the log lines. Default: standard output, without waiting for its reader. */
  readonly destination?: { write(line: string): void }
}

/** A successful operation slower than this gets a log line as well. */
const slowMs = 1_000

/** Log lines and counters. Each logged field is named here, so that no other value of a caller or of LINE is logged. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const registry = new Registry()
  const log = createLog(options, registry)
  collectDefaultMetrics({ register: registry })
  const meters = createMeters(registry)

  return { log, lineCall, operation, lookUp, unexpected, metrics, gauge }

  function lineCall(call: LineCall): void {
    meters.lineCalls.add(call.endpoint, call.outcome)
    meters.lineSeconds.observe(call.ms / 1_000, call.endpoint)
    const answered = call.outcome === 'answered'
    if (answered && !log.isLevelEnabled('debug')) return
    const line = { ...call, ms: Math.round(call.ms) }
    if (answered) log.debug(line, 'called LINE')
    else log.warn(line, 'call to LINE failed')
  }

  function operation(done: Operation): void {
    meters.operations.add(done.kind, done.code)
    meters.operationSeconds.observe(done.ms / 1_000)
    const slow = done.ms > slowMs
    if (done.code === 'OK' && !slow && !log.isLevelEnabled('debug')) return
    const line = { ...done, ms: Math.round(done.ms) }
    if (done.code !== 'OK') log.info(line, 'operation failed')
    else if (slow) log.info(line, 'slow operation')
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

/** A telemetry without log lines, for tests that do not read them. */
export function createSilentTelemetry(): Telemetry {
  return createTelemetry({ logLevel: 'silent' })
}

function createLog({ logLevel, destination }: TelemetryOptions, registry: Registry): Logger {
  const counter = { name: 'gateway_log_lines_dropped_total', help: 'Log lines that could not be written' }
  const lines = new Counter({ ...counter, registers: [registry] })
  const writer = createLogWriter(process.stdout, {
    dropped: () => lines.inc(),
    recovered: (count) => log.warn({ lines: count }, 'log lines were dropped: their reader was slow or gone'),
  })
  const log = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination ?? writer)
  return log
}

function createMeters(registry: Registry) {
  return {
    operations: createTally(registry, {
      name: 'gateway_operations_total',
      help: 'GraphQL operations by kind and by the code of the first error',
      labelNames: ['kind', 'code'],
    }),
    operationSeconds: createDurations(registry, {
      name: 'gateway_operation_duration_seconds',
      help: 'Time from the last byte of the request to the first byte of the answer',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3],
    }),
    lookUps: createTally(registry, {
      name: 'gateway_token_lookups_total',
      help: 'Access token look-ups by outcome',
      labelNames: ['outcome'],
    }),
    lineCalls: createTally(registry, {
      name: 'gateway_line_calls_total',
      help: 'Calls to the LINE Platform by endpoint and outcome',
      labelNames: ['endpoint', 'outcome'],
    }),
    lineSeconds: createDurations(registry, {
      name: 'gateway_line_call_duration_seconds',
      help: 'Duration of calls to the LINE Platform, with the wait for a free place',
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
