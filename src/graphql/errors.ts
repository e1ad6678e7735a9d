import { GraphQLError, type GraphQLErrorExtensions } from 'graphql'
import { InvalidGrant, InvalidIdToken, LineRateLimited, LineUnavailable } from '../line/errors.ts'
import { NoChannelSecret } from '../login/channel-tokens.ts'
import { BadUserInput, Forbidden, Unauthenticated } from '../schema/errors.ts'
import { SourceLimited } from '../tokens/token-resolver.ts'

/** How the GraphQL answer travels over HTTP, in the form yoga reads it; removed before anybody else does. */
export type Http = { readonly status?: number; readonly spec?: boolean; readonly headers?: Record<string, string> }

/** One table from what went wrong inside to what is said of it outside. What is not in it is unexpected. */
const outside: readonly [new (...args: never[]) => Error, (error: never) => GraphQLErrorExtensions][] = [
  [Unauthenticated, ({ code, reason, lineRequestId }: Unauthenticated) => ({ code, reason, lineRequestId })],
  [Forbidden, ({ code, requiredScope }: Forbidden) => ({ code, requiredScope })],
  [InvalidGrant, ({ code, lineRequestId }: InvalidGrant) => ({ code, lineRequestId })],
  [InvalidIdToken, ({ code, reason }: InvalidIdToken) => ({ code, reason })],
  [BadUserInput, ({ code, argument }: BadUserInput) => ({ code, argument })],
  [LineRateLimited, ({ code, retryAfter, lineRequestId }: LineRateLimited) => ({ code, retryAfter, lineRequestId })],
  [LineUnavailable, ({ code, retryAfter, lineRequestId }: LineUnavailable) => ({ code, retryAfter, lineRequestId })],
  [SourceLimited, ({ code, retryAfter }: SourceLimited) => ({ code, retryAfter, http: retryAfterHeader(retryAfter) })],
  [NoChannelSecret, () => ({ code: 'BAD_REQUEST' })],
]

/** Errors that have been through here already, so that an error formatted twice is formatted once. */
const published = new WeakSet<GraphQLError>()

/**
 * What the outside hears of an error: a message of our own, a code and what goes with it. Anything unexpected is masked,
 * after `unexpected` was told of it.
 */
export function toPublicError(error: unknown, unexpected: (error: unknown) => void): GraphQLError {
  if (error instanceof GraphQLError && published.has(error)) return error
  const cause = rootOf(error)
  const place: Place = error instanceof GraphQLError ? error : {}
  const row = outside.find(([kind]) => cause instanceof kind)
  if (row !== undefined) return publicError((cause as Error).message, row[1](cause as never), place)
  if (cause instanceof GraphQLError && typeof cause.extensions.code === 'string') return publishKnown(cause)
  unexpected(cause)
  const wholeRequest = place.path === undefined && { http: { status: 500 } }
  return publicError('Something went wrong on our side', { code: 'INTERNAL_SERVER_ERROR', ...wholeRequest }, place)
}

/** Where in the document and the answer an error belongs; any GraphQL error is such a place. */
type Place = Partial<Pick<GraphQLError, 'nodes' | 'path'>>

/** An error of our own making, about the request as a whole or a place in it. */
export function publicError(
  message: string,
  extensions: GraphQLErrorExtensions & { readonly http?: Http },
  { nodes, path }: Place = {},
): GraphQLError {
  const told = Object.fromEntries(Object.entries(extensions).filter(([, value]) => value !== undefined))
  const error = new GraphQLError(message, { nodes, path, extensions: told })
  published.add(error)
  return error
}

/** Names a caller chose are said again, for the typos in them; one longer than any word of the schema may be a token in the wrong place. */
export function quotable(text: string): string {
  return text.replace(/\w{24,}/g, '…')
}

/** Errors that yoga raises about the request, by codes of its own. */
function publishKnown(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions
  const isOurs = typeof code === 'string' && requestCodes.has(code)
  return publicError(error.message, { code: isOurs ? code : 'BAD_REQUEST', http: http as Http }, error)
}

const requestCodes = new Set([
  'BAD_REQUEST',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_TOO_COMPLEX',
  'BAD_USER_INPUT',
])

/** Executors wrap what a resolver throws in an error that knows the place. */
function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? rootOf(error.originalError) : error
}

function retryAfterHeader(seconds: number): Http {
  return { headers: { 'retry-after': String(seconds) } }
}
