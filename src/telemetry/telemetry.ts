import pino, { type Logger } from 'pino'
import { errorFields } from './error-fields.ts'
import { type LineCall, levelOf, messageOf } from './line-call.ts'
import { createGivenLogWriter, createLogWriter } from './log-writer.ts'
import type { Durations, Reading } from './meters.ts'
import type { LineEndpoint, LookUp, WorkerEnd } from './metric-labels.ts'

import type { CounterName, GaugeName } from './metric-table.ts'
import { createMetrics } from './metrics.ts'
import { createRequestMetrics, type Operation, type RequestDone } from './request-metrics.ts'
import { createSampler } from './sampler.ts'
import type { Numbers } from './worker-numbers.ts'

export type { Operation } from './request-metrics.ts'

/**
 * The new state of an endpoint's circuit breaker. `open`: for `forMs`, because of failures in a row or because of a 429.
 * `wasOpen`: it was open before, and only the time or the cause is new.
 */
export type BreakerChange =
  | {
      readonly state: 'open'
      readonly cause: 'failures' | 'limit'
      readonly forMs: number
      readonly wasOpen?: true
    }
  | { readonly state: 'half_open' }
  | { readonly state: 'closed' }

/** How a command to Redis ended. `late`: no reply in time. `away`: not sent, or its connection was lost. */
export type RedisOutcome = 'done' | 'refused' | 'late' | 'away'
/** `patient`: for refresh tokens and codes. */
export type RedisConnectionName = 'look-ups' | 'patient' | 'stream'
export type RedisChange = { readonly connection: RedisConnectionName } & (
  | { readonly state: 'away'; readonly cause: string }
  | { readonly state: 'back'; readonly awayMs: number }
)

/**
 * What Redis had about an access token. `old`: a record, but the question needs a newer one or another subject. `dead`: a
 * tombstone.
 */
export type SharedLookUp = 'found' | 'absent' | 'old' | 'dead' | 'away'

export type Telemetry = {
  readonly log: Logger
  lineCall(call: LineCall): void
  operation(operation: Operation): void
  /** An answer that is no operation: a probe, a page, a preflight. */
  request(done: RequestDone): void
  /** The end of a question about an access token: which tier answered it, and how. */
  lookUp(end: LookUp): void
  breaker(endpoint: LineEndpoint, change: BreakerChange): void
  /** `seconds`: how long an answered command took. */
  redisCommand(outcome: RedisOutcome, connection: RedisConnectionName, seconds?: number): void
  redisState(change: RedisChange): void
  /** A look-up of an access token in Redis. */
  sharedLookUp(outcome: SharedLookUp): void
  /** An entry in Redis could not be opened. `kind`: the letter at the end of its key. */
  sharedUnopened(kind: string): void
  /** Logs that Redis refuses commands or the connection, and waiting will not help. `word`: its error word, or the system's. */
  redisRefused(connection: RedisConnectionName, word: string): void
  /** Logs that a channel has no secret, but a call needs it. `setting` is where the operator must add it. */
  noChannelSecret(setting: string, channelId: string): void
  /** Logs that a token was to be signed, and no key signs. `isSet`: whether SIGNING_KEYS_FILE is set. */
  noSigningKey(isSet: boolean): void
  /** Logs an unexpected error with its stack and causes, without secrets. `where` is the field or place. */
  unexpected(error: unknown, where: string, requestId?: string): void
  /** Prometheus text exposition format. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** The same as numbers, for the process that adds up those of all workers. */
  numbers(): Promise<Numbers>
  /** Counts an event. `labels`: the values, in the order of `metricTable`. */
  count(name: CounterName, ...labels: readonly string[]): void
  /** Adds a gauge. `read` is called each time the metrics are read. */
  gauge(name: GaugeName, read: () => Reading): void
  /** The histogram of the HTTP requests to LINE. */
  lineRequests(address: string, port: string): Durations
  /** Counts the end of a worker that was not asked to end. */
  workerEnded(how: WorkerEnd): void
  /** Writes the counts of log lines that were left out. For the end of the process. */
  flush(): void
}

export type TelemetryOptions = {
  readonly logLevel: string
  /** Receives the log lines. Default: standard output, without waiting for its reader. */
  readonly destination?: { write(line: string): unknown }
}

/** A successful operation slower than this gets a log line as well. */
const slowMs = 1_000
/** Every entry of a process with another secret is such an entry: one line says it. */
const unopenedEveryMs = 10 * 60_000

/** Log lines and counters. Each logged field is named here, so that no other value of a caller or of LINE is logged. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const metrics = createMetrics()
  const log = createLog(options, () => metrics.counter('gateway_log_lines_dropped_total').add())
  const { sample, flush } = createSampler(undefined, () => count('gateway_log_lines_left_out_total'))
  const requests = createRequestMetrics(metrics)
  const lookUps = metrics.counter('gateway_token_lookups_total')
  let unopenedAgainAt = 0

  const redis = { redisCommand, redisState, redisRefused, sharedLookUp, sharedUnopened }
  return {
    log,
    lineCall,
    operation,
    request: requests.answered,
    lookUp,
    breaker,
    ...redis,
    noChannelSecret,
    noSigningKey,
    unexpected,
    metrics: metrics.text,
    numbers: metrics.numbers,
    count,
    gauge: metrics.gauge,
    lineRequests: metrics.addClient,
    workerEnded,
    flush,
  }

  function count(name: CounterName, ...labels: readonly string[]): void {
    metrics.counter(name).add(...labels)
  }

  function lineCall(call: LineCall): void {
    countCall(call)
    const level = levelOf(call)
    if (!log.isLevelEnabled(level)) return
    const { sort, ...facts } = call
    const kind = [call.endpoint, call.error, call.failure, call.channelId, sort].join(' ')
    write(level, messageOf(call), { ...facts, ms: Math.round(call.ms) }, kind)
  }

  function countCall({ endpoint, outcome, error = '', setting, ms }: LineCall): void {
    if (setting !== undefined) count('gateway_misconfigured_total', setting)
    if (outcome === 'not_sent') {
      count('gateway_line_calls_not_sent_total', endpoint)
      return
    }
    count('gateway_line_calls_total', endpoint, outcome, error)
    metrics.histogram('gateway_line_call_duration_seconds').observe(ms / 1_000, endpoint)
  }

  function operation(done: Operation): void {
    requests.operated(done)
    const failed = done.code !== 'OK'
    const slow = done.ms > slowMs
    if (!failed && !slow && !log.isLevelEnabled('debug')) return
    const { kind, code, status, requestId, network, lineRequestId } = done
    const facts = { kind, fields: done.fields.join(' '), code, status, ms: Math.round(done.ms), requestId }
    const line = { ...facts, ...(failed && { network }), ...(lineRequestId !== undefined && { lineRequestId }) }
    if (failed) write('info', 'operation failed', line, done.code)
    else if (slow) write('info', 'slow operation', line)
    else log.debug(line, 'operation')
  }

  function breaker(endpoint: LineEndpoint, change: BreakerChange): void {
    const { state } = change
    if (state === 'open' && !change.wasOpen) count('gateway_line_breaker_opened_total', endpoint, change.cause)
    const opened = state === 'open' && { cause: change.cause, seconds: change.forMs / 1_000 }
    write(opened ? 'warn' : 'info', 'circuit breaker', { endpoint, state, ...opened }, `${endpoint} ${state}`)
  }

  function redisCommand(outcome: RedisOutcome, connection: RedisConnectionName, seconds?: number): void {
    count('gateway_redis_commands_total', outcome)
    if (seconds !== undefined) metrics.histogram('gateway_redis_command_duration_seconds').observe(seconds, connection)
  }

  function sharedLookUp(outcome: SharedLookUp): void {
    count('gateway_shared_lookups_total', outcome)
  }

  function sharedUnopened(kind: string): void {
    count('gateway_shared_unopened_total', kind)
    if (performance.now() < unopenedAgainAt) return
    unopenedAgainAt = performance.now() + unopenedEveryMs
    const setting = blame('CACHE_SECRET')
    log.error(
      { setting, kind },
      `${setting}: an entry in Redis cannot be opened: all processes need the same secrets and the same LINE_API_URL`,
    )
  }

  function redisState({ connection, ...change }: RedisChange): void {
    const { state } = change
    if (state === 'away') write('warn', 'Redis is away', { connection, cause: change.cause }, connection)
    else write('info', 'Redis is back', { connection, awayMs: Math.round(change.awayMs) }, connection)
  }

  function redisRefused(connection: RedisConnectionName, word: string): void {
    const setting = blame('REDIS_URL')
    write('error', `${setting}: Redis refuses a command or the connection`, { setting, connection, error: word }, word)
  }

  function noChannelSecret(setting: string, channelId: string): void {
    blame(setting)
    write('error', `${setting}: the channel has no secret, and deauthorize needs it`, { setting, channelId }, channelId)
  }

  function noSigningKey(isSet: boolean): void {
    const setting = blame('SIGNING_KEYS_FILE')
    const problem = isSet ? 'no key signs now: add a key to the file' : 'is not set, and apiToken needs it'
    write('error', `${setting}: ${problem}`, { setting })
  }

  function blame(setting: string): string {
    count('gateway_misconfigured_total', setting)
    return setting
  }

  /** Writes the line, unless there are too many of its kind. At level debug every line is written. */
  function write(level: 'debug' | 'info' | 'warn' | 'error', message: string, line: object, kind = ''): void {
    if (log.isLevelEnabled('debug')) log[level](line, message)
    else if (log.isLevelEnabled(level))
      sample(`${message} ${kind}`, (leftOut) => log[level](leftOut === 0 ? line : { ...line, leftOut }, message))
  }

  function lookUp(end: LookUp): void {
    lookUps.addTo(end)
  }

  function unexpected(error: unknown, where: string, requestId?: string): void {
    const fields = errorFields(error)
    count('gateway_unexpected_errors_total')
    write('error', 'unexpected error', { where, requestId, ...fields }, `${where} ${fields.stack?.split('\n')[0]}`)
  }

  function workerEnded(how: WorkerEnd): void {
    count('gateway_workers_ended_total', how)
  }
}

/** A telemetry without log lines, for tests that do not read them. */
export function createSilentTelemetry(): Telemetry {
  return createTelemetry({ logLevel: 'silent' })
}

function createLog({ logLevel, destination }: TelemetryOptions, dropped: () => void): Logger {
  const recovered = (count: number) =>
    log.warn({ lines: count }, 'log lines were dropped: their reader was slow or gone')
  const writer = destination
    ? createGivenLogWriter(destination, dropped)
    : createLogWriter(process.stdout, { dropped, recovered })
  const log = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, writer)
  return log
}
