import type { IncomingMessage } from 'node:http'
import type { GraphQLError } from 'graphql'
import { say } from '../graphql/errors.ts'

/** What a request asks for, as GraphQL over HTTP names it. */
export type Params = {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined
  readonly operationName?: string | null | undefined
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined
}

/** A request that never becomes an operation: its HTTP status, what is said of it, and what the client should know. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: readonly GraphQLError[]
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = 'Refusal'
    this.status = status
    this.errors = [say(message, { code: status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST' })]
    this.headers = headers
  }
}

const largestBodyBytes = 100 * 1024
const allow = { allow: 'GET, POST' }
/** The body was not read to its end, so the connection is of no more use. */
const close = { connection: 'close' }

/** Judges all that can be told from the head of a request to `/graphql`. Throws `Refusal`. */
export function assertHead(request: IncomingMessage): void {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'POST') throw new Refusal(405, 'Only GET and POST are answered here', allow)
  // Forms and whatever else a browser sends to strangers without asking first are not JSON.
  if (headers['content-type'] === undefined ? method === 'POST' : !isJson(headers['content-type'])) {
    throw new Refusal(415, 'The body must be application/json in UTF-8', close)
  }
  if (headers['content-encoding'] !== undefined)
    throw new Refusal(415, 'The body must not have a content encoding', close)
  if (headersNamed(request, 'authorization') > 1) throw new Refusal(400, 'More than one Authorization header', close)
}

/** Reads a body, and stops reading where it is too large. `taken` is called once: with an error, or with the text. */
export function readBody(request: IncomingMessage, taken: (error: unknown, text: string) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  let over = false
  if (Number(request.headers['content-length'] ?? 0) > largestBodyBytes) finish(tooLarge())
  else listen()

  function listen(): void {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= largestBodyBytes) chunks.push(chunk)
      else finish(tooLarge())
    })
    request.on('end', () => finish(undefined))
    request.on('error', finish)
  }

  function finish(error: unknown): void {
    if (over) return
    over = true
    taken(error, error === undefined ? textOf(chunks) : '')
  }
}

/** Most bodies come in one piece. */
function textOf(chunks: readonly Buffer[]): string {
  const [only = nothing] = chunks
  return (chunks.length > 1 ? Buffer.concat(chunks) : only).toString()
}

const nothing = Buffer.alloc(0)

/** The parameters in a JSON body. Throws `Refusal`. */
export function parseBody(text: string): Params {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Refusal(400, 'The body is not JSON')
  }
  if (Array.isArray(body)) throw new Refusal(400, 'One operation a request: batches are not taken')
  return assertParams(body)
}

/** The parameters in a query string. Throws `Refusal`. */
export function parseQuery(search: string): Params {
  const given = new URLSearchParams(search)
  return assertParams({
    query: given.get('query') ?? undefined,
    operationName: given.get('operationName') || undefined,
    variables: parseJsonParam(given, 'variables'),
    extensions: parseJsonParam(given, 'extensions'),
  })
}

function parseJsonParam(given: URLSearchParams, name: string): unknown {
  const text = given.get(name)
  if (text === null || text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, `${name} must be JSON`)
  }
}

/** Members beyond the four are somebody's business, but not ours. */
function assertParams(body: unknown): Params {
  if (!isObject(body)) throw new Refusal(400, 'The body must be a JSON object')
  const { query, variables, operationName, extensions } = body
  if (typeof query !== 'string') throw new Refusal(400, 'query must be a string')
  if (variables != null && !isObject(variables)) throw new Refusal(400, 'variables must be an object')
  if (operationName != null && typeof operationName !== 'string')
    throw new Refusal(400, 'operationName must be a string')
  if (extensions != null && !isObject(extensions)) throw new Refusal(400, 'extensions must be an object')
  return { query, variables, operationName, extensions }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 8259 knows JSON in UTF-8 only. */
function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true
  return /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?\s*$/i.test(contentType)
}

function headersNamed({ rawHeaders }: IncomingMessage, name: string): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]
    if (header?.length === name.length && header.toLowerCase() === name) count += 1
  }
  return count
}

function tooLarge(): Refusal {
  return new Refusal(413, `The body is larger than ${largestBodyBytes / 1024} KB`, close)
}
