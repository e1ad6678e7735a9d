import pino, { type Logger } from 'pino'
import { Counter, Gauge, Registry } from 'prom-client'
import { version } from '../version.ts'
import { errorFields } from './error-fields.ts'
import { type LineCall, levelOf, messageOf } from './line-call.ts'
import { createGivenLogWriter, createLogWriter } from './log-writer.ts'
import { createDurations, createTally } from './meters.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { createSampler } from './sampler.ts'
import { type Numbers, numbersOf } from './worker-numbers.ts'

/** The new state of an endpoint's circuit breaker. `open`: for `forMs`, because of failures in a row or because of a 429. */
export type BreakerChange =
  | { readonly state: 'open'; readonly cause: 'failures' | 'limit'; readonly forMs: number }
  | { readonly state: 'half_open' }
  | { readonly state: 'closed' }

/** The endpoints for services that do not speak GraphQL. */
export type FaceName = 'forward_auth' | 'introspection' | 'token_exchange' | 'discovery'

/** One GraphQL operation, a request that was refused before an operation was read from it, or one to another endpoint. */
export type Operation = {
  readonly kind: 'query' | 'mutation' | 'none' | FaceName
  /** The names of the selected root fields, as in the schema. Aliases are the caller's words and are left out. */
  readonly fields: string
  /** `OK`, or the code of the first error. */
  readonly code: string
  readonly status: number
  readonly ms: number
  readonly requestId: string
  /** The client's network, as its token bucket counts it. Logged only for operations that failed. */
  readonly network: string
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
  lookUp(outcome: LookUp): void
  breaker(endpoint: string, change: BreakerChange): void
  redisCommand(outcome: RedisOutcome): void
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
  /**
   * Adds a gauge. `read` is called each time the metrics are read. `overWorkers`: how the values of several processes
   * become one. The sum suits amounts, the maximum suits ages.
   */
  gauge(name: string, help: string, read: () => number, overWorkers?: 'sum' | 'max' | 'min'): void
  /** Counts the end of a worker that was not asked to end. `how`: the signal, or `exit` and the code. */
  workerEnded(how: string): void
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
  const registry = new Registry()
  const log = createLog(options, registry)
  const { sample, flush } = createSampler()
  addProcessMetrics(registry)
  addBuildInfo(registry)
  const meters = createMeters(registry)
  let unopenedAgainAt = 0

  const redis = { redisCommand, redisState, redisRefused, sharedLookUp, sharedUnopened }
  return {
    log,
    lineCall,
    operation,
    lookUp,
    breaker,
    ...redis,
    noChannelSecret,
    noSigningKey,
    unexpected,
    metrics,
    numbers,
    gauge,
    workerEnded,
    flush,
  }

  function lineCall(call: LineCall): void {
    if (call.outcome !== 'not_sent') {
      meters.lineCalls.add(call.endpoint, call.outcome)
      meters.lineSeconds.observe(call.ms / 1_000, call.endpoint)
    }
    const level = levelOf(call)
    if (!log.isLevelEnabled(level)) return
    const { sort, ...facts } = call
    const kind = [call.endpoint, call.error, call.failure, call.channelId, sort].join(' ')
    write(level, messageOf(call), { ...facts, ms: Math.round(call.ms) }, kind)
  }

  function operation(done: Operation): void {
    meters.operations.add(done.kind, done.code)
    meters.operationSeconds.observe(done.ms / 1_000)
    const failed = done.code !== 'OK'
    const slow = done.ms > slowMs
    if (!failed && !slow && !log.isLevelEnabled('debug')) return
    const { network, ...facts } = done
    const line = { ...facts, ms: Math.round(done.ms), ...(failed && { network }) }
    if (failed) write('info', 'operation failed', line, done.code)
    else if (slow) write('info', 'slow operation', line)
    else log.debug(line, 'operation')
  }

  function breaker(endpoint: string, change: BreakerChange): void {
    const { state } = change
    const opened = state === 'open' && { cause: change.cause, seconds: change.forMs / 1_000 }
    write(opened ? 'warn' : 'info', 'circuit breaker', { endpoint, state, ...opened }, `${endpoint} ${state}`)
  }

  function redisCommand(outcome: RedisOutcome): void {
    meters.redisCommands.add(outcome)
  }

  function sharedLookUp(outcome: SharedLookUp): void {
    meters.sharedLookUps.add(outcome)
  }

  function sharedUnopened(kind: string): void {
    meters.sharedUnopened.add(kind)
    if (performance.now() < unopenedAgainAt) return
    unopenedAgainAt = performance.now() + unopenedEveryMs
    const setting = 'CACHE_SECRET'
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
    const setting = 'REDIS_URL'
    write('error', `${setting}: Redis refuses a command or the connection`, { setting, connection, error: word }, word)
  }

  function noChannelSecret(setting: string, channelId: string): void {
    write('error', `${setting}: the channel has no secret, and deauthorize needs it`, { setting, channelId }, channelId)
  }

  function noSigningKey(isSet: boolean): void {
    const setting = 'SIGNING_KEYS_FILE'
    const problem = isSet ? 'no key signs now: add a key to the file' : 'is not set, and apiToken needs it'
    write('error', `${setting}: ${problem}`, { setting })
  }

  /** Writes the line, unless there are too many of its kind. At level debug every line is written. */
  function write(level: 'debug' | 'info' | 'warn' | 'error', message: string, line: object, kind = ''): void {
    if (log.isLevelEnabled('debug')) log[level](line, message)
    else if (log.isLevelEnabled(level))
      sample(`${message} ${kind}`, (leftOut) => log[level](leftOut === 0 ? line : { ...line, leftOut }, message))
  }

  function lookUp(outcome: LookUp): void {
    meters.lookUps.add(outcome)
  }

  function unexpected(error: unknown, where: string, requestId?: string): void {
    const fields = errorFields(error)
    write('error', 'unexpected error', { where, requestId, ...fields }, `${where} ${fields.stack?.split('\n')[0]}`)
  }

  function gauge(name: string, help: string, read: () => number, overWorkers: 'sum' | 'max' | 'min' = 'sum'): void {
    new Gauge({ name, help, registers: [registry], aggregator: overWorkers, collect: collectInto(read) })
  }

  function workerEnded(how: string): void {
    meters.workersEnded.add(how)
  }

  function numbers() {
    return numbersOf(registry)
  }

  async function metrics() {
    return { contentType: registry.contentType, text: await registry.metrics() }
  }
}

/** As other exporters do: the facts are labels, and the value is 1, also of several processes together. */
function addBuildInfo(registry: Registry): void {
  new Gauge({
    name: 'gateway_build_info',
    help: 'Version of the gateway and of Node, always 1',
    labelNames: ['version', 'node'],
    registers: [registry],
    aggregator: 'max',
  }).set({ version, node: process.version }, 1)
}

/** A telemetry without log lines, for tests that do not read them. */
export function createSilentTelemetry(): Telemetry {
  return createTelemetry({ logLevel: 'silent' })
}

function createLog({ logLevel, destination }: TelemetryOptions, registry: Registry): Logger {
  const counter = { name: 'gateway_log_lines_dropped_total', help: 'Log lines that could not be written' }
  const lines = new Counter({ ...counter, registers: [registry] })
  const dropped = () => lines.inc()
  const recovered = (count: number) =>
    log.warn({ lines: count }, 'log lines were dropped: their reader was slow or gone')
  const writer = destination
    ? createGivenLogWriter(destination, dropped)
    : createLogWriter(process.stdout, { dropped, recovered })
  const log = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, writer)
  return log
}

function createMeters(registry: Registry) {
  return {
    operations: createTally(registry, {
      name: 'gateway_operations_total',
      help: 'Operations by kind (query, mutation, or the endpoint) and by the code of the first error',
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
    workersEnded: createTally(registry, {
      name: 'gateway_workers_ended_total',
      help: 'Workers that ended without being asked to, by signal or exit code',
      labelNames: ['how'],
    }),
    sharedLookUps: createTally(registry, {
      name: 'gateway_shared_lookups_total',
      help: 'Look-ups of access tokens in Redis by outcome',
      labelNames: ['outcome'],
    }),
    sharedUnopened: createTally(registry, {
      name: 'gateway_shared_unopened_total',
      help: 'Entries in Redis that could not be opened, by kind',
      labelNames: ['kind'],
    }),
    redisCommands: createTally(registry, {
      name: 'gateway_redis_commands_total',
      help: 'Commands to Redis by outcome, without those that read the stream',
      labelNames: ['outcome'],
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
