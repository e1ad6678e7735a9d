import type { Dispatcher } from 'undici'
import type { LineCall, Telemetry } from '../telemetry/telemetry.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { LineRateLimited, LineUnavailable } from './errors.ts'
import { HttpCallFailed, type HttpResponse, httpCall } from './http-call.ts'
import { createSlots } from './slots.ts'

export type LineRequest = {
  /** The endpoint's name, as in LINE's API reference: each has its own breaker and its own metrics. */
  readonly endpoint: string
  readonly method: 'GET' | 'POST'
  /** Path and query. On the verify call it holds the access token, so it is never written anywhere. */
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** What LINE said, not yet judged. `body` is the parsed JSON, `undefined` where the answer was something else. */
export type LineAnswer = {
  readonly status: number
  readonly body: unknown
  readonly lineRequestId: string | undefined
}

export type Transport = {
  /**
   * Rejects with `LineUnavailable` or `LineRateLimited` and nothing else. The deadline counts from `since`
   * (`performance.now()`), where the caller has waited for something before.
   */
  send(request: LineRequest, since?: number): Promise<LineAnswer>
  /** How many more calls could start at once. */
  room(): number
}

export type TransportOptions = {
  readonly origin: string
  readonly dispatcher: Dispatcher
  /** One answer from LINE: waiting for a place, connecting and reading to the last byte. */
  readonly timeoutMs: number
  readonly maxConcurrency: number
  readonly now: () => number
  readonly telemetry: Telemetry
}

/** Calls that may wait for a place, for each place. */
const waitingPerPlace = 32
/** Told to callers where LINE says nothing better, in seconds. */
const retrySoon = 1

/** The one road to LINE: a place, the breaker, one deadline, and the statuses that mean the same on every endpoint. */
export function createTransport(options: TransportOptions): Transport {
  const { origin, dispatcher, timeoutMs, maxConcurrency, now, telemetry } = options
  const slots = createSlots(maxConcurrency, maxConcurrency * waitingPerPlace)
  const breakers = new Map<string, Breaker>()
  telemetry.gauge('gateway_line_calls_in_flight', 'Calls to LINE under way', () => maxConcurrency - slots.free())

  return { send, room: slots.free }

  async function send(request: LineRequest, startedAt = performance.now()): Promise<LineAnswer> {
    const breaker = breakerOf(request.endpoint)
    breaker.check()
    if (slots.free() > 0) slots.take()
    else await place(startedAt)
    try {
      if (remaining(startedAt) <= 0) throw tooBusy()
      breaker.enter()
      return await ask(request, breaker, startedAt)
    } finally {
      slots.release()
    }
  }

  /** Waiting for a place counts towards the deadline. */
  async function place(startedAt: number): Promise<void> {
    const { taken, giveUp } = slots.take()
    const timer = setTimeout(() => giveUp(tooBusy()), Math.max(remaining(startedAt), 0))
    await taken.finally(() => clearTimeout(timer))
  }

  async function ask(request: LineRequest, breaker: Breaker, startedAt: number): Promise<LineAnswer> {
    let raw: HttpResponse
    try {
      raw = await callTwice(request, startedAt)
    } catch (error) {
      breaker.failed()
      throw unanswered(request, startedAt, error)
    }
    assertAnswered(request, raw, breaker, startedAt)
    breaker.succeeded()
    recordCall(request, startedAt, 'answered', raw)
    return { status: raw.status, body: parseBody(raw), lineRequestId: requestIdOf(raw) }
  }

  /** A GET whose connection broke before any answer is asked once more: LINE may have closed an idle connection under it. */
  async function callTwice(request: LineRequest, startedAt: number): Promise<HttpResponse> {
    const outgoing = { ...request, origin }
    try {
      return await httpCall(dispatcher, outgoing, remaining(startedAt))
    } catch (error) {
      const broken = error instanceof HttpCallFailed && error.broken && !error.answered
      if (request.method !== 'GET' || !broken || remaining(startedAt) <= 0) throw error
      return await httpCall(dispatcher, outgoing, remaining(startedAt))
    }
  }

  /** 429 and 5xx say the same on every endpoint, and nothing about the credential that was sent. */
  function assertAnswered(request: LineRequest, raw: HttpResponse, breaker: Breaker, startedAt: number): void {
    const lineRequestId = requestIdOf(raw)
    if (raw.status === 429) {
      const retryAfter = breaker.limited(parseRetryAfter(raw.headers['retry-after'], now()))
      recordCall(request, startedAt, 'limited', raw)
      throw new LineRateLimited({ retryAfter, lineRequestId })
    }
    if (raw.status >= 500) {
      breaker.failed()
      recordCall(request, startedAt, 'failed', raw, 'server error')
      throw new LineUnavailable('LINE has a problem of its own', { retryAfter: retrySoon, lineRequestId })
    }
  }

  function unanswered(request: LineRequest, startedAt: number, error: unknown): LineUnavailable {
    const failed = error instanceof HttpCallFailed ? error : undefined
    recordCall(request, startedAt, 'failed', undefined, failed?.message ?? 'not sent')
    return new LineUnavailable('LINE did not answer', {
      retryAfter: retrySoon,
      sent: failed?.sent ?? false,
      cause: error,
    })
  }

  function recordCall(
    request: LineRequest,
    startedAt: number,
    outcome: LineCall['outcome'],
    raw?: HttpResponse,
    failure?: string,
  ): void {
    telemetry.lineCall({
      endpoint: request.endpoint,
      method: request.method,
      status: raw?.status,
      lineRequestId: raw && requestIdOf(raw),
      outcome,
      ...(failure !== undefined && { failure }),
      ms: performance.now() - startedAt,
    })
  }

  function remaining(startedAt: number): number {
    return timeoutMs - (performance.now() - startedAt)
  }

  function breakerOf(endpoint: string): Breaker {
    const known = breakers.get(endpoint)
    if (known) return known
    const breaker = createBreaker(now)
    breakers.set(endpoint, breaker)
    return breaker
  }
}

function tooBusy(): LineUnavailable {
  return new LineUnavailable('LINE is too busy', { retryAfter: retrySoon, sent: false })
}

/** JSON or nothing. We never ask for a content coding, so an answer that has one is not read. */
function parseBody(raw: HttpResponse): unknown {
  if (raw.headers['content-encoding'] !== undefined) return undefined
  try {
    return JSON.parse(raw.text.replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}

/** LINE's sample is 16 hex characters; what does not look like an id is not passed on. */
function requestIdOf(raw: HttpResponse): string | undefined {
  const id = raw.headers['x-line-request-id']
  return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? id : undefined
}

/** Milliseconds to wait, from seconds or an HTTP date (RFC 9110 section 10.2.3). LINE documents no such header. */
function parseRetryAfter(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0)
}
