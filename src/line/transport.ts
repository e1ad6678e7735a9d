import type { Dispatcher } from 'undici'
import {
  type BlamedSetting,
  breakerStates,
  type LineEndpoint,
  lanes,
  lineEndpoints,
} from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { createCallReports, type Judgement } from './call-reports.ts'
import { type CallSpan, createCallSpans } from './call-spans.ts'
import { isLineOutage, type LineOutage, LineRateLimited, LineUnavailable } from './errors.ts'
import { HttpCallFailed, type HttpResponse, httpCall } from './http-call.ts'
import { createRequestSeconds } from './request-seconds.ts'
import { bodyOf, lineRequestIdOf, retryAfterMsOf } from './response-parts.ts'
import { createSlots, type Lane } from './slots.ts'

export type LineRequest = {
  /** Each endpoint has its own breaker and its own metrics. */
  readonly endpoint: LineEndpoint
  readonly method: 'GET' | 'POST'
  /** Path and query. For verify it contains the access token, so it must never be logged or stored. */
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** What the call asks for, if the endpoint has several uses: the log is sampled by it. */
  readonly grant?: 'exchange' | 'refresh'
  /** LINE accepts the credential in it once, so it is sent only if there is time for the answer. */
  readonly once?: boolean
  /** The channel whose settings the call depends on: LINE can refuse its secret. */
  readonly channelId?: string
}

/** LINE's answer, not checked yet. `body` is the parsed JSON: `undefined` for an empty body, `null` for a body that is not JSON. */
export type LineAnswer = {
  readonly status: number
  readonly body: unknown
  readonly lineRequestId: string | undefined
  /** Ends the report of the call. The reader of the answer calls it once. Answers made by tests have none. */
  readonly judged?: (judgement: Judgement) => void
}

/** The limits that an operation sets to its calls. */
export type CallLimits = {
  /** The end of the operation (`performance.now()`). A call ends then, even if a part of LINE_TIMEOUT_MS is left. */
  readonly deadline: number
  /** How urgent the call is. Default: `caller`. */
  readonly lane?: Lane | undefined
}

/** Both are values of `performance.now()`. `span`: that of the HTTP request under way, if traces are recorded. */
type Times = { readonly startedAt: number; readonly endsAt: number; readonly span?: CallSpan | undefined }

/** The first of two calls for the same request. */
type First = { readonly isFair: boolean }

export type Transport = {
  /** Rejects only with `LineUnavailable` or `LineRateLimited`. */
  send(request: LineRequest, limits?: CallLimits): Promise<LineAnswer>
  /** How many more calls could start now without a queue. */
  room(): number
  /** The error with which `send` would reject now because the endpoint's breaker is open. It costs no promise. */
  refusalFor(endpoint: LineEndpoint): LineOutage | undefined
  /**
   * LINE limited another replica: no calls to the endpoint for so long, at most a minute. `limited` is not called. Another
   * release may have endpoints that we do not call: they change nothing.
   */
  pause(endpoint: string, forMs: number): void
}

export type TransportOptions = {
  readonly origin: string
  readonly dispatcher: Dispatcher
  /** Time limit for one answer: the wait for a slot, the connection, and the answer up to its last byte. */
  readonly timeoutMs: number
  readonly maxConcurrency: number
  readonly now: () => number
  /** The wall clock (epoch ms), for HTTP dates. */
  readonly wall: () => number
  readonly telemetry: Telemetry
  /** The setting that holds the secrets of our channels: the log names it when LINE refuses one. */
  readonly channelSetting: BlamedSetting
  /** LINE's 429 has begun a pause of the endpoint, which other replicas should keep too. */
  readonly limited?: (endpoint: LineEndpoint, forMs: number) => void
}

/** Calls that may wait in the queue of each lane, for each slot. */
const queuedPerSlot = 32
/** One operation can ask about a hundred tokens and their users. */
const leastQueued = 256
/**
 * A call without an answer counts as a failure of LINE only if LINE had at least this part of LINE_TIMEOUT_MS. Otherwise
 * the call came late because of our own queue, and that says nothing about LINE.
 */
const fairPart = 0.9
/** The part of LINE_TIMEOUT_MS that must be left for a call that can be made only once. */
const leastPart = 1 / 3
const noLimits: CallLimits = { deadline: Number.POSITIVE_INFINITY }
/** For callers when LINE sends no `Retry-After`. */
const defaultRetryAfterSeconds = 1

/** Sends all calls to LINE, with slots, breakers and a deadline. It handles 429 and 5xx, which every endpoint has. */
export function createTransport(options: TransportOptions): Transport {
  const { origin, dispatcher, timeoutMs, maxConcurrency, now, wall, telemetry } = options
  const slots = createSlots(maxConcurrency, Math.max(maxConcurrency * queuedPerSlot, leastQueued))
  const breakers = new Map<string, Breaker>(lineEndpoints.map((endpoint) => [endpoint, breakerFor(endpoint)]))
  const reports = createCallReports(telemetry, options.channelSetting)
  const seconds = createRequestSeconds(telemetry, origin)
  const spans = telemetry.tracing && createCallSpans(telemetry.tracing, origin)
  observe()

  return { send, room: slots.free, refusalFor, pause: (endpoint, forMs) => breakers.get(endpoint)?.pauseFor(forMs) }

  function observe(): void {
    telemetry.gauge('gateway_line_calls_in_flight', () => lanes.map((lane) => [slots.inFlight(lane), lane]))
    telemetry.gauge('gateway_line_calls_waiting', () => lanes.map((lane) => [slots.waiting(lane), lane]))
    telemetry.gauge('gateway_line_breaker_state', () => lineEndpoints.flatMap(statesOf))
  }

  function statesOf(endpoint: LineEndpoint) {
    const current = breakerOf(endpoint).state()
    return breakerStates.map((state) => [Number(state === current), endpoint, state] as const)
  }

  function refusalFor(endpoint: LineEndpoint): LineOutage | undefined {
    try {
      breakerOf(endpoint).check()
      return undefined
    } catch (error) {
      if (isLineOutage(error)) return error
      throw error
    }
  }

  async function send(request: LineRequest, limits: CallLimits = noLimits): Promise<LineAnswer> {
    const { lane = 'caller' } = limits
    const times = timesFor(limits)
    const breaker = breakerOf(request.endpoint)
    breaker.check()
    if (!slots.takeFree(lane)) {
      const wait = () => waitForSlot(request, lane, times)
      await (spans === undefined ? wait() : spans.queued(request, lane, wait))
    }
    try {
      if (remaining(times) <= leastMsFor(request))
        throw notSent(request, times, request.once ? tooLittleTime() : waitedTooLong())
      breaker.enter()
      return await call(request, breaker, times)
    } catch (error) {
      // A mistake of ours. If the call was the probe, no other one could be sent for ever.
      if (!isLineOutage(error)) breaker.undecided()
      throw error
    } finally {
      slots.release(lane)
    }
  }

  function timesFor({ deadline }: CallLimits): Times {
    const startedAt = performance.now()
    return { startedAt, endsAt: Math.min(startedAt + timeoutMs, deadline) }
  }

  function leastMsFor({ once }: LineRequest): number {
    return once ? timeoutMs * leastPart : 0
  }

  /** The wait for a slot is part of the time limit. */
  async function waitForSlot(request: LineRequest, lane: Lane, times: Times): Promise<void> {
    const { taken, abandon } = slots.waitFor(lane)
    const timer = setTimeout(() => abandon(waitedTooLong()), Math.max(remaining(times), 0))
    try {
      await taken
    } catch (error) {
      throw notSent(request, times, error as LineOutage)
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * A GET is sent once more if its connection broke before any answer: LINE may have closed an idle connection at that
   * moment. A POST is not, because LINE may have carried it out. Both are calls to LINE, but only the last one counts for
   * the breaker.
   */
  async function call(request: LineRequest, breaker: Breaker, given: Times, first?: First): Promise<LineAnswer> {
    const isFair = first?.isFair ?? remaining(given) >= timeoutMs * fairPart
    const span = spans?.begin(request, first !== undefined)
    const times = span === undefined ? given : { ...given, span }
    let raw: HttpResponse
    try {
      const ask = () => httpCall(dispatcher, { ...request, origin }, remaining(times))
      raw = await seconds.of(request.method, span === undefined ? ask() : span.within(ask))
    } catch (error) {
      if (first === undefined && mayRetry(request, error, times)) {
        unanswered(request, times, error, isFair)
        return call(request, breaker, { ...times, startedAt: performance.now() }, { isFair })
      }
      const counts = error instanceof HttpCallFailed && (isFair || error.broken)
      if (counts) breaker.failed()
      else breaker.undecided()
      if (error instanceof HttpCallFailed) throw unanswered(request, times, error, isFair)
      telemetry.unexpected(error, 'call to LINE')
      throw notSent(request, times, unsent(error))
    }
    assertAnswered(request, raw, breaker, times)
    breaker.succeeded()
    return toAnswer(request, raw, times)
  }

  /** 429 and 5xx mean the same on every endpoint. They say nothing about the credential that was sent. */
  function assertAnswered(request: LineRequest, raw: HttpResponse, breaker: Breaker, times: Times): void {
    const lineRequestId = lineRequestIdOf(raw)
    const facts = { status: raw.status, lineRequestId, ms: msSince(times) }
    if (raw.status === 429) {
      const retryAfter = breaker.limited(retryAfterMsOf(raw, wall()))
      ended(request, times, { outcome: 'limited', ...facts })
      throw new LineRateLimited({ retryAfter, lineRequestId, answered: true })
    }
    if (raw.status >= 500) {
      breaker.failed()
      const message = 'LINE answered with a server error'
      ended(request, times, { outcome: 'failed', failure: message, ...facts })
      throw new LineUnavailable(message, { retryAfter: defaultRetryAfterSeconds, lineRequestId, answered: true })
    }
  }

  /** The reader of the answer reports the call, because only the reader knows what the answer means. */
  function toAnswer(request: LineRequest, raw: HttpResponse, times: Times): LineAnswer {
    const answer = { status: raw.status, body: bodyOf(raw), lineRequestId: lineRequestIdOf(raw) }
    const ms = msSince(times)
    return {
      ...answer,
      judged: (judgement) => {
        reports.judged(request, { ...answer, ...judgement, ms })
        times.span?.end({ ...answer, ...judgement })
      },
    }
  }

  function unanswered(request: LineRequest, times: Times, error: HttpCallFailed, isFair: boolean): LineUnavailable {
    const failure = isFair || error.broken ? error.message : `${error.message}: less than LINE_TIMEOUT_MS was left`
    ended(request, times, { outcome: 'no_answer', failure, ms: msSince(times) })
    const facts = { retryAfter: defaultRetryAfterSeconds, sent: error.sent, cause: error }
    return new LineUnavailable('LINE gave no complete answer: try again later', facts)
  }

  /** It is no call to LINE, so it counts neither for the breaker nor in the metrics of the calls. */
  function notSent<Reason extends Error>(request: LineRequest, times: Times, reason: Reason): Reason {
    ended(request, times, { outcome: 'not_sent', failure: reason.message, ms: msSince(times) })
    return reason
  }

  function ended(request: LineRequest, times: Times, ending: Parameters<typeof reports.ended>[1]): void {
    reports.ended(request, ending)
    times.span?.end(ending)
  }

  function breakerFor(endpoint: LineEndpoint): Breaker {
    return createBreaker(
      now,
      (change) => telemetry.breaker(endpoint, change),
      (forMs) => options.limited?.(endpoint, forMs),
    )
  }

  function breakerOf(endpoint: LineEndpoint): Breaker {
    return breakers.get(endpoint) as Breaker
  }
}

function msSince({ startedAt }: Times): number {
  return performance.now() - startedAt
}

function remaining({ endsAt }: Times): number {
  return endsAt - performance.now()
}

function mayRetry({ method }: LineRequest, error: unknown, times: Times): error is HttpCallFailed {
  const isBroken = error instanceof HttpCallFailed && error.broken && !error.answered
  return method === 'GET' && isBroken && remaining(times) > 0
}

/** The call could not begin: a mistake of ours. */
function unsent(cause: unknown): LineUnavailable {
  const facts = { retryAfter: defaultRetryAfterSeconds, sent: false, cause }
  return new LineUnavailable('The call to LINE was not sent: try again later', facts)
}

function waitedTooLong(): LineUnavailable {
  const message = 'The call to LINE waited too long in our own queue and was not sent: try again later'
  return new LineUnavailable(message, { retryAfter: defaultRetryAfterSeconds, sent: false })
}

function tooLittleTime(): LineUnavailable {
  const message = 'Too little time was left for the call to LINE, so it was not sent: try again later'
  return new LineUnavailable(message, { retryAfter: defaultRetryAfterSeconds, sent: false })
}
