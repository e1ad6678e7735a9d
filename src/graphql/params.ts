import { RequestRefused } from '../http/read-request.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import { mayHoldCredential } from './credential-texts.ts'

/** The parameters of a request, with the names of GraphQL over HTTP. */
export type Params = {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /** Never empty: tools send an empty name for "no name". */
  readonly operationName?: string | undefined
}

const mostBodies = 500
const longestBody = 2_000

/**
 * Reads the parameters from a JSON body. Throws `RequestRefused`. A body without any value of a caller comes again and
 * again, so it is parsed once.
 */
export function createParseBody(): (text: string) => Params {
  const known = createBoundedMap<Params>(mostBodies)

  return function parseBody(text) {
    const params = known.get(text)
    if (params !== undefined) return params
    const body = parseJsonBody(text)
    const read = assertParams(body)
    if (text.length <= longestBody && hasNoValues(body)) known.set(text, read)
    return read
  }
}

function parseJsonBody(text: string): unknown {
  let body: unknown
  try {
    body = parseJson(text)
  } catch {
    throw new RequestRefused(400, 'The body is not JSON')
  }
  if (Array.isArray(body)) throw new RequestRefused(400, 'Batches are not supported: send one operation per request')
  return body
}

/** Whether the body has nothing but an operation that cannot hold a credential. Other members may hold one. */
function hasNoValues(body: unknown): boolean {
  return Object.entries(body as object).every(([name, value]) => {
    if (name === 'query' || name === 'operationName') return isEmpty(value) || !mayHoldCredential(String(value))
    return name === 'variables' && (isEmpty(value) || Object.keys(value as object).length === 0)
  })
}

/** Reads the parameters from a query string. Throws `RequestRefused`. */
export function parseQuery(search: string): Params {
  const given = new URLSearchParams(search)
  return assertParams({
    query: given.get('query'),
    operationName: given.get('operationName'),
    variables: parseJsonParam(given, 'variables'),
    extensions: parseJsonParam(given, 'extensions'),
    documentId: given.get('documentId'),
  })
}

function parseJsonParam(given: URLSearchParams, name: string): unknown {
  const text = given.get(name)
  if (isEmpty(text)) return undefined
  try {
    return parseJson(text)
  } catch {
    throw new RequestRefused(400, `${name} must be JSON`)
  }
}

/** Passes over a byte order mark (RFC 8259 section 8.1). */
function parseJson(text: string): unknown {
  return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
}

/** Ignores unknown members. */
function assertParams(body: unknown): Params {
  if (!isObject(body)) throw new RequestRefused(400, 'The body must be a JSON object')
  const { query, documentId } = body
  const extensions = objectIn(body, 'extensions')
  const isPersisted = !isEmpty(documentId) || !isEmpty(extensions?.persistedQuery)
  if (isPersisted && isEmpty(query)) throw persistedQueryNotSupported()
  if (typeof query !== 'string') throw new RequestRefused(400, 'query must be a string')
  return { query, variables: objectIn(body, 'variables'), operationName: nameIn(body) }
}

function nameIn({ operationName }: Record<string, unknown>): string | undefined {
  if (isEmpty(operationName)) return undefined
  if (typeof operationName !== 'string') throw new RequestRefused(400, 'operationName must be a string')
  return operationName
}

function objectIn(body: Record<string, unknown>, name: 'variables' | 'extensions') {
  const value = body[name]
  if (isEmpty(value)) return undefined
  if (!isObject(value)) throw new RequestRefused(400, `${name} must be an object`)
  return value
}

/** Clients of persisted queries know these words: they send the request again, with the query in it. */
function persistedQueryNotSupported(): RequestRefused {
  return new RequestRefused(200, 'PersistedQueryNotSupported', { code: 'PERSISTED_QUERY_NOT_SUPPORTED' })
}

/** Tools send null, an empty text or white space for a parameter that the user left out. */
function isEmpty(value: unknown): value is null | undefined {
  return value == null || (typeof value === 'string' && value.trim() === '')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
