import { RequestRefused } from '../http/read-request.ts'

/** The parameters of a request, with the names of GraphQL over HTTP. */
export type Params = {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined
  readonly operationName?: string | null | undefined
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined
}

/** Reads the parameters from a JSON body. Throws `RequestRefused`. */
export function parseBody(text: string): Params {
  let body: unknown
  try {
    body = parseJson(text)
  } catch {
    throw new RequestRefused(400, 'The body is not JSON')
  }
  if (Array.isArray(body)) throw new RequestRefused(400, 'Batches are not supported: send one operation per request')
  return assertParams(body)
}

/** Reads the parameters from a query string. Throws `RequestRefused`. */
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
  const { query, variables, operationName, extensions } = body
  if (typeof query !== 'string') throw new RequestRefused(400, 'query must be a string')
  if (variables != null && !isObject(variables)) throw new RequestRefused(400, 'variables must be an object')
  if (operationName != null && typeof operationName !== 'string')
    throw new RequestRefused(400, 'operationName must be a string')
  if (extensions != null && !isObject(extensions)) throw new RequestRefused(400, 'extensions must be an object')
  return { query, variables, operationName, extensions }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
