import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { createByteBuffer } from '../http/byte-buffer.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'

/** One HTTP answer of LINE, not checked yet. */
export type HttpResponse = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

type FailureFacts = {
  /** LINE may have seen the request. */
  readonly sent: boolean
  /** The answer had begun. */
  readonly answered: boolean
  /** The connection failed. False if we ended the call. */
  readonly broken: boolean
  /** Our time limit ended the call. */
  readonly late: boolean
  readonly cause?: unknown
}

/** There was no complete answer. */
export class HttpCallFailed extends ExpectedError {
  readonly sent: boolean
  readonly answered: boolean
  readonly broken: boolean
  readonly late: boolean

  constructor(message: string, facts: FailureFacts) {
    super(message, { cause: facts.cause })
    this.name = 'HttpCallFailed'
    this.sent = facts.sent
    this.answered = facts.answered
    this.broken = facts.broken
    this.late = facts.late
  }
}

type Outgoing = {
  readonly origin: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** LINE's answers have some hundred bytes. A larger answer than this is not from LINE. */
const largestAnswerBytes = 64 * 1024

/** With a proxy, undici opens a new connection whenever a call with headers follows one without. */
const noHeaders = {}

/**
 * One request with undici's `dispatch`, its cheapest call: no streams, no redirects, no decompression.
 * `remainingMs` is the time limit for everything, from connecting to the last byte. Rejects with `HttpCallFailed`.
 */
export function httpCall(dispatcher: Dispatcher, outgoing: Outgoing, remainingMs: number): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const body = createByteBuffer(largestAnswerBytes)
    let status = 0
    let headers: IncomingHttpHeaders = {}
    let controller: Dispatcher.DispatchController | undefined
    let over = false

    const timer = setTimeout(endAfterReading, Math.max(remainingMs, 0))
    const options = { headers: noHeaders, ...outgoing, headersTimeout: 0, bodyTimeout: 0 }
    dispatcher.dispatch(options, { onRequestStart, onResponseStart, onResponseData, onResponseEnd, onResponseError })

    function onRequestStart(started: Dispatcher.DispatchController): void {
      controller = started
      if (over) started.abort(new Error('The call is over'))
    }

    function onResponseStart(_: unknown, statusCode: number, received: IncomingHttpHeaders): void {
      status = statusCode
      headers = received
    }

    function onResponseData(_: unknown, chunk: Buffer): void {
      if (!body.add(chunk)) stop(`The answer of LINE is larger than ${largestAnswerBytes / 1024} KB`, false)
    }

    function onResponseEnd(): void {
      if (!finish()) return
      resolve({ status, headers, text: body.takeText() })
    }

    function onResponseError(_: unknown, cause: Error): void {
      fail(controller === undefined ? noConnection(cause) : 'The connection to LINE failed', {
        broken: true,
        late: false,
        cause,
      })
    }

    /** If our process was busy, the timer fires late and the answer may be in the socket already: read it first. */
    function endAfterReading(): void {
      setImmediate(() =>
        stop(controller === undefined ? 'No connection to LINE in time' : 'LINE did not answer in time', true),
      )
    }

    function stop(message: string, late: boolean): void {
      fail(message, { broken: false, late })
      controller?.abort(new Error(message))
    }

    function fail(message: string, facts: Pick<FailureFacts, 'broken' | 'late' | 'cause'>): void {
      if (!finish()) return
      reject(new HttpCallFailed(message, { sent: controller !== undefined, answered: status !== 0, ...facts }))
    }

    function finish(): boolean {
      if (over) return false
      over = true
      clearTimeout(timer)
      return true
    }
  })
}

/** undici has these codes for a proxy that answered CONNECT with another status than 200, or closed the connection. */
function noConnection(cause: Error): string {
  const byProxy = 'code' in cause && (cause.code === 'UND_ERR_ABORTED' || cause.code === 'UND_ERR_PRX_CONN')
  return byProxy ? 'The proxy opened no connection to LINE' : 'The connection to LINE failed'
}
