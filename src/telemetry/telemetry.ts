import type { BreakerChange } from './changes.ts'
import type { LineCall } from './line-call.ts'
import { createLog, type LogOptions, type WriteLine } from './log.ts'
import { createLogLines } from './log-lines.ts'
import type { Durations, Reading } from './meters.ts'
import type { CommandConnection, EntrySuffix, LineEndpoint, LookUp, RedisOutcome } from './metric-labels.ts'
import type { CounterName, GaugeName, LabelValues } from './metric-table.ts'
import { createMetrics } from './metrics.ts'
import { createRequestMetrics, type Operation, type RequestDone } from './request-metrics.ts'
import { createTracing, type Tracing } from './tracing.ts'
import type { Numbers } from './worker-numbers.ts'

export type { BreakerChange, RedisConnectionName } from './changes.ts'
export type { Operation } from './request-metrics.ts'

export type Telemetry = {
  /** Writes a line of `logTable`. */
  readonly log: WriteLine
  /** `undefined`: no SDK for traces is registered. */
  readonly tracing: Tracing | undefined
  lineCall(call: LineCall): void
  operation(operation: Operation): void
  /** An answer that is no operation: a probe, a page, a preflight. */
  request(done: RequestDone): void
  /** The end of a question about an access token: which tier answered it, and how. */
  lookUp(end: LookUp): void
  breaker(endpoint: LineEndpoint, change: BreakerChange): void
  /** `seconds`: how long an answered command took. */
  redisCommand(outcome: RedisOutcome, connection: CommandConnection, seconds?: number): void
  /** An entry in Redis could not be opened. `kind`: the letter at the end of its key. */
  sharedUnopened(kind: EntrySuffix): void
  /** Logs an unexpected error with its stack and causes, without secrets. `where` is the field or place. */
  unexpected(error: unknown, where: string, requestId?: string): void
  /** The same for an error that nobody caught. The process ends. */
  uncaught(error: unknown): void
  /** Prometheus text exposition format. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** The same as numbers, for the process that adds up those of all workers. */
  numbers(): Promise<Numbers>
  /** Counts an event. `labels`: the values, in the order of `metricTable`. */
  count<Name extends CounterName>(name: Name, ...labels: LabelValues<Name>): void
  /** Adds a gauge. `read` is called each time the metrics are read. */
  gauge(name: GaugeName, read: () => Reading): void
  /** The histogram of the HTTP requests to LINE. */
  lineRequests(address: string, port: string): Durations
  /** Writes the counts of log lines that were left out. For the end of the process. */
  flush(): void
}

/** Log lines and counters. */
export function createTelemetry(options: LogOptions): Telemetry {
  const metrics = createMetrics()
  const log = createLog(options, {
    misconfigured: (setting) => count('gateway_misconfigured_total', setting),
    dropped: () => count('gateway_log_lines_dropped_total'),
    leftOut: () => count('gateway_log_lines_left_out_total'),
  })
  const lines = createLogLines(log)
  const requests = createRequestMetrics(metrics)
  const lookUps = metrics.counter('gateway_token_lookups_total')

  return {
    log: log.write,
    tracing: createTracing(),
    lineCall,
    operation,
    request: requests.answered,
    lookUp,
    breaker,
    redisCommand,
    sharedUnopened,
    unexpected,
    uncaught,
    metrics: metrics.text,
    numbers: metrics.numbers,
    count,
    gauge: metrics.gauge,
    lineRequests: metrics.addClient,
    flush: log.flush,
  }

  function count<Name extends CounterName>(name: Name, ...labels: LabelValues<Name>): void {
    metrics.counter(name).add(...labels)
  }

  function lineCall(call: LineCall): void {
    countCall(call)
    lines.lineCall(call)
  }

  function countCall({ endpoint, outcome, error = '', ms }: LineCall): void {
    if (outcome === 'not_sent') {
      count('gateway_line_calls_not_sent_total', endpoint)
      return
    }
    count('gateway_line_calls_total', endpoint, outcome, error)
    metrics.histogram('gateway_line_call_duration_seconds').observe(ms / 1_000, endpoint)
  }

  function operation(done: Operation): void {
    requests.operated(done)
    lines.operation(done)
  }

  function breaker(endpoint: LineEndpoint, change: BreakerChange): void {
    if (change.state === 'open' && !change.wasOpen) count('gateway_line_breaker_opened_total', endpoint, change.cause)
    lines.breaker(endpoint, change)
  }

  function redisCommand(outcome: RedisOutcome, connection: CommandConnection, seconds?: number): void {
    count('gateway_redis_commands_total', outcome)
    if (seconds !== undefined) metrics.histogram('gateway_redis_command_duration_seconds').observe(seconds, connection)
  }

  function sharedUnopened(kind: EntrySuffix): void {
    count('gateway_shared_unopened_total', kind)
    lines.sharedUnopened(kind)
  }

  function lookUp(end: LookUp): void {
    lookUps.addTo(end)
  }

  function unexpected(error: unknown, where: string, requestId?: string): void {
    count('gateway_unexpected_errors_total')
    lines.unexpected(error, where, requestId)
  }

  function uncaught(error: unknown): void {
    count('gateway_unexpected_errors_total')
    lines.uncaught(error)
  }
}

/** A telemetry without log lines, for tests that do not read them. */
export function createSilentTelemetry(): Telemetry {
  return createTelemetry({ logLevel: 'silent' })
}
