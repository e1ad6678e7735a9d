import { GraphQLError, type GraphQLErrorExtensions } from 'graphql'
import { type HeaderList, noHeaders } from '../http/send.ts'
import { InvalidGrant, InvalidIdToken, LineRateLimited, LineUnavailable, Misconfigured } from '../line/errors.ts'
import { BadUserInput, Forbidden, Unauthenticated, UnusableToken } from '../schema/errors.ts'
import { withoutStack } from '../telemetry/expected-error.ts'
import { SourceLimited } from '../tokens/token-resolver.ts'
import { placesOf } from './document-places.ts'

/** The HTTP status and headers of a GraphQL answer, in the form that yoga reads. Removed before the answer is sent. */
export type Http = { readonly status?: number; readonly spec?: boolean; readonly headers?: Record<string, string> }

/** For each expected error, the `extensions` that the caller gets. An error that is not in this table is unexpected. */
const publicExtensions: readonly [new (...args: never[]) => Error, (error: never) => GraphQLErrorExtensions][] = [
  [Unauthenticated, ({ code, reason, lineRequestId }: Unauthenticated) => ({ code, reason, lineRequestId })],
  [Forbidden, ({ code, requiredScope }: Forbidden) => ({ code, requiredScope })],
  [UnusableToken, ({ code }: UnusableToken) => ({ code })],
  [InvalidGrant, ({ code, lineRequestId }: InvalidGrant) => ({ code, lineRequestId })],
  [InvalidIdToken, ({ code, reason }: InvalidIdToken) => ({ code, reason })],
  [BadUserInput, ({ code, argument }: BadUserInput) => ({ code, argument })],
  [LineRateLimited, ({ code, retryAfter, lineRequestId }: LineRateLimited) => ({ code, retryAfter, lineRequestId })],
  [LineUnavailable, ({ code, retryAfter, lineRequestId }: LineUnavailable) => ({ code, retryAfter, lineRequestId })],
  [SourceLimited, ({ code, retryAfter }: SourceLimited) => ({ code, retryAfter })],
  [Misconfigured, ({ code, lineRequestId }: Misconfigured) => ({ code, lineRequestId })],
]

/** An error of an answer, in its public form. */
export type PublicError = Pick<GraphQLError, 'message' | 'locations' | 'path' | 'extensions'>

/** The place of an error in the document and in the answer. Every GraphQL error has these two members. */
type Place = Partial<Pick<GraphQLError, 'nodes' | 'path'>>

/** An error with its place: as `locatedError` of graphql-js makes it, but cheap. A flood of junk makes very many. */
export class LocatedError implements Place {
  readonly originalError: unknown
  readonly nodes: Place['nodes']
  readonly path: Place['path']

  constructor(originalError: unknown, { nodes, path }: Place) {
    this.originalError = originalError
    this.nodes = originalError instanceof GraphQLError ? (originalError.nodes ?? nodes) : nodes
    this.path = path
  }
}

/** Errors that already have their public form, so that none is converted twice. */
const published = new WeakSet<GraphQLError>()
/** LINE's error words, for log lines. They are no part of the errors, because callers do not get them. */
const lineErrors = new WeakMap<PublicError, string>()

/**
 * The public form of an error: our own message, its code and its other `extensions`. An unexpected error is masked, and
 * `unexpected` gets the original.
 */
export function toPublicError(error: unknown, unexpected: (error: unknown) => void): GraphQLError {
  if (error instanceof GraphQLError && published.has(error)) return error
  const cause = rootOf(error)
  const place: Place = isLocated(error) ? error : {}
  const row = publicExtensions.find(([kind]) => cause instanceof kind)
  if (row !== undefined) {
    const error = publicError((cause as Error).message, row[1](cause as never), place)
    return withLineError(error, cause)
  }
  if (cause instanceof GraphQLError && typeof cause.extensions.code === 'string') return publishKnown(cause)
  const argument = nullArgumentIn(cause)
  if (argument !== undefined) return badNull(argument, place)
  unexpected(cause)
  const wholeRequest = place.path === undefined && { http: { status: 500 } }
  return publicError('Something went wrong on our side', { code: 'INTERNAL_SERVER_ERROR', ...wholeRequest }, place)
}

/**
 * The argument of a field or directive that needs a value, while its variable is null. A variable with a default may be null
 * by its type, so only the execution finds it. Both engines tell it only in the message, which quotes the document.
 */
function nullArgumentIn(cause: unknown): string | undefined {
  if (!(cause instanceof GraphQLError)) return undefined
  const [, argument] = /^Argument "(?:[^"(]*\()?(\w+):?\)?" (?:has invalid value|of )/.exec(cause.message) ?? []
  return argument
}

function badNull(argument: string, place: Place): GraphQLError {
  const wholeRequest = place.path === undefined && { http: { status: 400, spec: true } }
  const message = `${hideLongNames(argument)} needs a value, but its variable is null`
  return publicError(message, { code: 'BAD_USER_INPUT', argument: hideLongNames(argument), ...wholeRequest }, place)
}

/** The same for an answer that we write ourselves. An expected error becomes plain data: a GraphQLError costs much. */
export function toPublicData(error: unknown, unexpected: (error: unknown) => void): PublicError {
  const cause = rootOf(error)
  const row = publicExtensions.find(([kind]) => cause instanceof kind)
  if (!(error instanceof LocatedError) || row === undefined) return toPublicError(error, unexpected)
  const { path, nodes } = error
  const { message } = cause as Error
  const data = { message, locations: placesOf(nodes), path, extensions: row[1](cause as never) }
  return withLineError(data, cause)
}

/** What the log line of an operation says about LINE, if an answer of LINE is the cause of its first error. */
export function lineFactsOf([error]: readonly PublicError[]): {
  readonly lineRequestId?: string | undefined
  readonly lineError?: string | undefined
} {
  if (error === undefined) return {}
  const { lineRequestId } = error.extensions
  return {
    lineRequestId: typeof lineRequestId === 'string' ? lineRequestId : undefined,
    lineError: lineErrors.get(error),
  }
}

/** A public error about another place in the answer. */
export function movedTo(path: readonly (string | number)[], error: GraphQLError): GraphQLError {
  const moved = publicError(error.message, error.extensions, { path })
  return withLineError(moved, { lineError: lineErrors.get(error) })
}

function withLineError<Made extends PublicError>(error: Made, cause: unknown): Made {
  const { lineError } = cause as { readonly lineError?: string | undefined }
  if (lineError !== undefined) lineErrors.set(error, lineError)
  return error
}

/** Creates a public error, about the whole request or about one place in it. */
export function publicError(
  message: string,
  extensions: GraphQLErrorExtensions & { readonly http?: Http },
  { nodes, path }: Place = {},
): GraphQLError {
  const defined = Object.fromEntries(Object.entries(extensions).filter(([, value]) => value !== undefined))
  const error = withoutStack(() => new GraphQLError(message, { path, extensions: defined }))
  published.add(error)
  return Object.assign(error, { locations: placesOf(nodes) })
}

/** The `Retry-After` header of an answer with these errors: the longest wait that one of them asks for. */
export function retryAfterHeader(errors: readonly PublicError[]): HeaderList {
  const waits = errors.map(({ extensions: { retryAfter } }) => (typeof retryAfter === 'number' ? retryAfter : 0))
  const longest = Math.ceil(Math.max(...waits))
  return longest > 0 ? ['retry-after', String(longest)] : noHeaders
}

/**
 * Replaces words of 24 or more characters by `…`. Shorter names are repeated, because that helps to find a typo. The
 * schema has no longer name, so a longer one may be a token that was pasted in the wrong place.
 */
export function hideLongNames(text: string): string {
  return text.replace(/\w{24,}/g, '…')
}

/** Errors about the request that yoga raises. Its codes become ours. */
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

/** Executors wrap an error of a resolver in one that has its place. This finds the original. */
function rootOf(error: unknown): unknown {
  return isLocated(error) && error.originalError !== undefined ? rootOf(error.originalError) : error
}

function isLocated(error: unknown): error is GraphQLError | LocatedError {
  return error instanceof GraphQLError || error instanceof LocatedError
}
