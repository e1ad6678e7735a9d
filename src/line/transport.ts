import type { Dispatcher } from 'undici'
import type { LineCall, Telemetry } from '../telemetry/telemetry.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { LineRateLimited, LineUnavailable } from './errors.ts'
import { HttpCallFailed, type HttpResponse, httpCall } from './http-call.ts'
import { createSlots } from './slots.ts'

export type LineRequest = {
  /** Our name for the endpoint. Each endpoint has its own breaker and its own metrics. */
  readonly endpoint: string
  readonly method: 'GET' | 'POST'
  /** Path and query. For verify it contains the access token, so it must never be logged or stored. */
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** LINE's answer, not checked yet. `body` is the parsed JSON, or `undefined` if the answer is not JSON. */
export type LineAnswer = {
  readonly status: number
  readonly body: unknown
  readonly lineRequestId: string | undefined
}

export type Transport = {
  /**
   * Rejects only with `LineUnavailable` or `LineRateLimited`. The deadline counts from `since` (`performance.now()`),
   * so that it includes the time the caller has waited before.
   */
  send(request: LineRequest, since?: number): Promise<LineAnswer>
  /** How many more calls could start now without a queue. */
  room(): number
}

export type TransportOptions = {
  readonly origin: string
  readonly dispatcher: Dispatcher
  /** Time limit for one answer: the wait for a slot, the connection, and the answer up to its last byte. */
  readonly timeoutMs: number
  readonly maxConcurrency: number
  readonly now: () => number
  readonly telemetry: Telemetry
}

/** Calls that may wait in the queue, for each slot. */
const queuedPerSlot = 32
/** For callers when LINE sends no `Retry-After`. */
const defaultRetryAfterSeconds = 1

/** Sends all calls to LINE, with slots, breakers and a deadline. It handles 429 and 5xx, which every endpoint has. */
export function createTransport(options: TransportOptions): Transport {
  const { origin, dispatcher, timeoutMs, maxConcurrency, now, telemetry } = options
  const slots = createSlots(maxConcurrency, maxConcurrency * queuedPerSlot)
  const breakers = new Map<string, Breaker>()
  telemetry.gauge('gateway_line_calls_in_flight', 'Calls to LINE in flight', () => maxConcurrency - slots.free())

  return { send, room: slots.free }

  async function send(request: LineRequest, startedAt = performance.now()): Promise<LineAnswer> {
    const breaker = breakerOf(request.endpoint)
    breaker.check()
    if (slots.free() > 0) slots.take()
    else await waitForSlot(startedAt)
    try {
      if (remaining(startedAt) <= 0) throw waitedTooLong()
      breaker.enter()
      return await call(request, breaker, startedAt)
    } finally {
      slots.release()
    }
  }

  /** The wait for a slot counts towards the deadline. */
  async function waitForSlot(startedAt: number): Promise<void> {
    const { taken, abandon } = slots.take()
    const timer = setTimeout(() => abandon(waitedTooLong()), Math.max(remaining(startedAt), 0))
    await taken.finally(() => clearTimeout(timer))
  }

  async function call(request: LineRequest, breaker: Breaker, startedAt: number): Promise<LineAnswer> {
    let raw: HttpResponse
    try {
      raw = await callWithOneRetry(request, startedAt)
    } catch (error) {
      breaker.failed()
      throw unanswered(request, startedAt, error)
    }
    assertAnswered(request, raw, breaker, startedAt)
    breaker.succeeded()
    recordCall(request, startedAt, 'answered', raw)
    return { status: raw.status, body: parseBody(raw), lineRequestId: requestIdOf(raw) }
  }

  /**
   * A GET is sent once more if its connection broke before any answer: LINE may have closed an idle connection at that
   * moment. A POST is not, because LINE may have carried it out.
   */
  async function callWithOneRetry(request: LineRequest, startedAt: number): Promise<HttpResponse> {
    const outgoing = { ...request, origin }
    try {
      return await httpCall(dispatcher, outgoing, remaining(startedAt))
    } catch (error) {
      const broken = error instanceof HttpCallFailed && error.broken && !error.answered
      if (request.method !== 'GET' || !broken || remaining(startedAt) <= 0) throw error
      return await httpCall(dispatcher, outgoing, remaining(startedAt))
    }
  }

  /** 429 and 5xx mean the same on every endpoint. They say nothing about the credential that was sent. */
  function assertAnswered(request: LineRequest, raw: HttpResponse, breaker: Breaker, startedAt: number): void {
    const lineRequestId = requestIdOf(raw)
    if (raw.status === 429) {
      const retryAfter = breaker.limited(parseRetryAfter(raw.headers['retry-after'], now()))
      recordCall(request, startedAt, 'limited', raw)
      throw new LineRateLimited({ retryAfter, lineRequestId })
    }
    if (raw.status >= 500) {
      breaker.failed()
      recordCall(request, startedAt, 'failed', raw, 'LINE answered with a server error')
      throw new LineUnavailable('LINE answered with a server error', {
        retryAfter: defaultRetryAfterSeconds,
        lineRequestId,
      })
    }
  }

  function unanswered(request: LineRequest, startedAt: number, error: unknown): LineUnavailable {
    const failed = error instanceof HttpCallFailed ? error : undefined
    recordCall(request, startedAt, 'failed', undefined, failed?.message ?? 'The call was not sent')
    return new LineUnavailable('LINE gave no complete answer in time', {
      retryAfter: defaultRetryAfterSeconds,
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

function waitedTooLong(): LineUnavailable {
  const message = 'The call to LINE waited too long in our queue and was not sent: try again later'
  return new LineUnavailable(message, { retryAfter: defaultRetryAfterSeconds, sent: false })
}

/** `undefined` if the answer is not JSON. We never request a content coding, so an answer that has one is not read. */
function parseBody(raw: HttpResponse): unknown {
  if (raw.headers['content-encoding'] !== undefined) return undefined
  try {
    return JSON.parse(raw.text.replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}

/** LINE's sample id has 16 hex characters. A value that does not look like an id is dropped. */
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
