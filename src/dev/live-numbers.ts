import type { LineCall } from '../telemetry/line-call.ts'
import type { LineEndpoint, LookUp } from '../telemetry/metric-labels.ts'
import type { BreakerChange, Operation, Telemetry } from '../telemetry/telemetry.ts'

/** The numbers of the demo page. They have no token, no user ID and no name. */
export type LiveNumbers = {
  /** GraphQL operations and requests to the other endpoints, without those that only read the schema. */
  readonly questions: number
  /** Operations that only read the schema, as GraphiQL sends them. */
  readonly schemaReads: number
  readonly lineCalls: number
  /** `memory`: token look-ups that memory answered. `shared`: those that got the answer to somebody else's call. */
  readonly lookUps: { readonly memory: number; readonly shared: number }
  /** The endpoints of LINE that were called so far. */
  readonly breakers: readonly BreakerState[]
  /** The last events, newest first. */
  readonly events: readonly LiveEvent[]
}

/** `secondsLeft`: until the next call may try. 0 unless the breaker is open. */
export type BreakerState = {
  readonly endpoint: string
  readonly state: BreakerChange['state']
  readonly secondsLeft: number
}

/** `at` is epoch ms. `times`: how often it happened in a row. */
export type LiveEvent = {
  readonly id: number
  readonly at: number
  readonly kind: 'answer' | 'error' | 'line' | 'line-error' | 'breaker'
  readonly text: string
  readonly times: number
}

const mostEvents = 30

/** Wraps a telemetry. `read` gives the numbers of what the gateway reported to `telemetry`. `now`: epoch ms. */
export function createLiveNumbers(
  behind: Telemetry,
  now: () => number = Date.now,
): { readonly telemetry: Telemetry; read(): LiveNumbers } {
  const lookUps = { memory: 0, shared: 0 }
  const breakers = new Map<string, { state: BreakerChange['state']; openUntil: number }>()
  let events: readonly LiveEvent[] = []
  let [questions, schemaReads, lineCalls, ids] = [0, 0, 0, 0]
  /** Whether memory answered all look-ups of this run of the event loop so far. `undefined`: there was none. */
  let isFromMemory: boolean | undefined

  return { telemetry: { ...behind, operation, lookUp, lineCall, breaker }, read }

  function operation(done: Operation): void {
    behind.operation(done)
    const isRemembered = isFromMemory === true
    isFromMemory = undefined
    if (readsSchema(done)) schemaReads += 1
    else {
      questions += 1
      add(done.code === 'OK' ? 'answer' : 'error', wordsForOperation(done, isRemembered))
    }
  }

  function lookUp(end: LookUp): void {
    behind.lookUp(end)
    const [tier, outcome] = end
    const isInMemory = tier === 'memory'
    if (isInMemory) lookUps.memory += 1
    if (tier === 'flight') lookUps.shared += 1
    // It is old because LINE was asked and gave no answer.
    noteForThisRun(isInMemory && outcome !== 'stale')
  }

  /** An operation that memory answers ends in the run of its look-ups. One that waits for LINE ends in a later run. */
  function noteForThisRun(isInMemory: boolean): void {
    if (isFromMemory === undefined)
      queueMicrotask(() => {
        isFromMemory = undefined
      })
    isFromMemory = isInMemory && isFromMemory !== false
  }

  function lineCall(call: LineCall): void {
    behind.lineCall(call)
    if (call.outcome === 'not_sent') add('error', `${call.endpoint}: LINE was not called, because our queue is full`)
    else countCall(call)
  }

  function countCall(call: LineCall): void {
    lineCalls += 1
    if (!breakers.has(call.endpoint)) breakers.set(call.endpoint, { state: 'closed', openUntil: 0 })
    add(call.outcome === 'answered' ? 'line' : 'line-error', wordsForCall(call))
  }

  function breaker(endpoint: LineEndpoint, change: BreakerChange): void {
    behind.breaker(endpoint, change)
    const openUntil = change.state === 'open' ? now() + change.forMs : 0
    breakers.set(endpoint, { state: change.state, openUntil })
    add('breaker', wordsForBreaker(endpoint, change))
  }

  /** An event that repeats the newest one is counted there. */
  function add(kind: LiveEvent['kind'], text: string): void {
    const [newest, ...older] = events
    const repeats = newest?.kind === kind && newest.text === text
    const times = repeats ? newest.times + 1 : 1
    const id = repeats ? newest.id : ++ids
    events = [{ id, at: now(), kind, text, times }, ...(repeats ? older : events)].slice(0, mostEvents)
  }

  function read(): LiveNumbers {
    const states = [...breakers].map(([endpoint, { state, openUntil }]) => ({
      endpoint,
      state,
      secondsLeft: Math.max(0, Math.ceil((openUntil - now()) / 1_000)),
    }))
    return { questions, schemaReads, lineCalls, lookUps: { ...lookUps }, breakers: states, events }
  }
}

function readsSchema({ fields }: Operation): boolean {
  return fields.some((field) => field !== '__typename') && fields.every((field) => field.startsWith('__'))
}

/** `isRemembered`: memory answered all its look-ups, so it did not wait for LINE. */
function wordsForOperation({ kind, fields, code }: Operation, isRemembered: boolean): string {
  const subject = (fields.join(' ') || kind).slice(0, 100)
  if (code === 'OK') return `${subject}: answered${isRemembered ? ' from memory' : ''}`
  return `${subject}: ${errorWords[code] ?? `failed (${code})`}${isRemembered ? ', from memory' : ''}`
}

const errorWords: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'the token is refused',
  INVALID_GRANT: 'the refresh token or code is refused',
  LINE_UNAVAILABLE: 'failed, because LINE fails',
  LINE_RATE_LIMITED: 'failed, because LINE wants fewer calls',
  RATE_LIMITED: 'refused, because of too many bad tokens',
}

function wordsForCall({ endpoint, outcome, status, ms }: LineCall): string {
  const what = outcome.replaceAll('_', ' ')
  const shown = outcome === 'answered' || status === undefined ? what : `${what} (${status})`
  return `LINE ${endpoint}: ${shown} in ${Math.round(ms)} ms`
}

function wordsForBreaker(endpoint: string, change: BreakerChange): string {
  if (change.state === 'open') return `breaker of ${endpoint}: open for ${Math.ceil(change.forMs / 1_000)} s`
  return `breaker of ${endpoint}: ${change.state === 'half_open' ? 'half open, one call tries' : 'closed'}`
}
