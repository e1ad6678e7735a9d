/** The values that the labels of our metrics can have. Each list is bounded: no value comes from a caller or from LINE. */

/** The root fields of the schema. `__schema`, `__type` and `__typename` are those of GraphQL. */
export const rootFields = [
  'viewer',
  'verifyAccessToken',
  'verifyAccessTokens',
  'verifyIdToken',
  'startLogin',
  'exchangeLogin',
  'refreshToken',
  'revokeToken',
  'logout',
  'deauthorize',
  '__schema',
  '__type',
  '__typename',
] as const

/** The endpoints for services that do not speak GraphQL. */
export const faceNames = ['forward_auth', 'introspection', 'token_exchange', 'discovery'] as const
export type FaceName = (typeof faceNames)[number]

/** The codes that the field of an operation can end with. */
export const fieldCodes = [
  'OK',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'INVALID_GRANT',
  'INVALID_ID_TOKEN',
  'BAD_USER_INPUT',
  'RATE_LIMITED',
  'LINE_RATE_LIMITED',
  'LINE_UNAVAILABLE',
  'MISCONFIGURED',
  'OPERATION_TOO_COMPLEX',
  'INTERNAL_SERVER_ERROR',
] as const

/** The codes of a request that is refused before its operation is executed. */
export const requestCodes = [
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_TOO_COMPLEX',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'SHUTTING_DOWN',
  'INTERNAL_SERVER_ERROR',
] as const

const allFaceCodes = ['OK', 'BAD_REQUEST', 'SHUTTING_DOWN', 'INTERNAL_SERVER_ERROR'] as const
const verdictCodes = ['RATE_LIMITED', 'LINE_RATE_LIMITED', 'LINE_UNAVAILABLE'] as const
/** Words in small letters are OAuth's, as in the answer. An introspection that cannot be signed is answered without a signature. */
export const faceCodes: Readonly<Record<FaceName, readonly string[]>> = {
  forward_auth: [...allFaceCodes, ...verdictCodes, 'MISCONFIGURED', 'UNAUTHENTICATED', 'FORBIDDEN'],
  introspection: [...allFaceCodes, ...verdictCodes, 'invalid_request', 'invalid_client'],
  token_exchange: [
    ...allFaceCodes,
    ...verdictCodes,
    'MISCONFIGURED',
    'invalid_request',
    'invalid_target',
    'invalid_scope',
    'unsupported_grant_type',
  ],
  discovery: allFaceCodes,
}

/**
 * `ok`. `refused`: the credential is bad. `invalid`: the request is bad. `limited`: too many bad tokens of one address.
 * `unavailable`: LINE or our room for it failed. `failed`: the operator must act.
 */
export type OperationOutcome = 'ok' | 'refused' | 'invalid' | 'limited' | 'unavailable' | 'failed'

const outcomes: Readonly<Record<string, OperationOutcome>> = {
  OK: 'ok',
  UNAUTHENTICATED: 'refused',
  FORBIDDEN: 'refused',
  INVALID_GRANT: 'refused',
  INVALID_ID_TOKEN: 'refused',
  invalid_client: 'refused',
  RATE_LIMITED: 'limited',
  LINE_RATE_LIMITED: 'unavailable',
  LINE_UNAVAILABLE: 'unavailable',
  SHUTTING_DOWN: 'unavailable',
  MISCONFIGURED: 'failed',
  INTERNAL_SERVER_ERROR: 'failed',
}

/** All other codes are about the request itself. */
export function outcomeOf(code: string): OperationOutcome {
  return outcomes[code] ?? 'invalid'
}

export const operationKinds = ['query', 'mutation', 'none', ...faceNames] as const

/** Known methods. Others are `_OTHER`, as OpenTelemetry's semantic conventions say. */
export const httpMethods = ['GET', 'HEAD', 'POST', 'OPTIONS', '_OTHER'] as const
const knownMethods: ReadonlySet<string> = new Set(httpMethods)

/** A method as a value of `http_request_method`. */
export function methodLabel(method: string): string {
  return knownMethods.has(method) ? method : '_OTHER'
}

/**
 * The statuses that each route answers, by method. An empty route: a path that does not exist, or a page of `npm run dev`. With
 * `_OTHER` it is also for what the server refuses before it looks for a route: bytes that are not HTTP (400), a chunk extension
 * (413) or a head (431) that is too large, a request that comes too slowly (408), no Host (400), an unknown Expect (417), CONNECT (405).
 */
export const httpRoutes = {
  '/graphql': {
    GET: [200, 400, 405, 406, 415, 421, 500, 503],
    HEAD: [405],
    POST: [200, 400, 406, 413, 415, 500, 503],
    OPTIONS: [204, 405],
    _OTHER: [405],
  },
  '/auth': Object.fromEntries(httpMethods.map((method) => [method, [200, 400, 401, 403, 429, 500, 503]])),
  '/oauth/token': {
    GET: [405],
    HEAD: [405],
    POST: [200, 400, 413, 415, 429, 500, 503],
    OPTIONS: [204, 405],
    _OTHER: [405],
  },
  '/oauth/introspect': {
    GET: [405],
    HEAD: [405],
    POST: [200, 400, 401, 413, 415, 429, 500, 503],
    OPTIONS: [405],
    _OTHER: [405],
  },
  '/.well-known/{document}': {
    GET: [200, 500, 503],
    HEAD: [200, 500, 503],
    POST: [405, 503],
    OPTIONS: [204, 405, 503],
    _OTHER: [405, 503],
  },
  '/health': { GET: [200], HEAD: [200], POST: [405], OPTIONS: [405], _OTHER: [405] },
  '/ready': { GET: [200, 503], HEAD: [200, 503], POST: [405], OPTIONS: [405], _OTHER: [405] },
  '': {
    GET: [200, 302, 404, 421, 500],
    HEAD: [200, 302, 404, 421, 500],
    POST: [404, 405],
    OPTIONS: [404, 405],
    _OTHER: [400, 404, 405, 408, 413, 417, 431],
  },
} satisfies Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
export type HttpRoute = keyof typeof httpRoutes

export const lineEndpoints = [
  'verify',
  'profile',
  'userinfo',
  'friendship',
  'token',
  'revoke',
  'deauthorize',
  'channelToken',
  'certs',
] as const
/** Our name for an endpoint of the LINE Platform. */
export type LineEndpoint = (typeof lineEndpoints)[number]

/** LINE's `error` words: those of RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1. LINE documents no other. */
export const lineErrorWords = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'access_denied',
  'unsupported_response_type',
  'server_error',
  'temporarily_unavailable',
  'invalid_token',
  'insufficient_scope',
  'unsupported_token_type',
] as const

/** The outcomes and error words of a call to LINE. Without an answer, or with a good one, there is no word. */
export const lineCallEnds: readonly (readonly [outcome: string, error: string])[] = [
  ...['answered', 'refused', 'limited', 'failed', 'no_answer', 'unreadable'].map((outcome) => [outcome, ''] as const),
  ...['refused', 'unreadable'].flatMap((outcome) =>
    [...lineErrorWords, 'other'].map((word) => [outcome, word] as const),
  ),
]

/** The statuses of LINE's answers below 400 and from 400 on. One that is not in its list is `other`. */
export const lineStatuses = {
  good: ['200', '204', 'other'],
  error: ['400', '401', '403', '404', '429', '500', '502', '503', '504', 'other'],
} as const
/**
 * The methods, statuses and errors of an HTTP request to LINE. From 400 on the error is the status. Without a complete answer
 * there is no status, and the error is `timeout` (our time limit) or `connection` (not connected, reset, or a broken answer).
 */
export const clientEnds: readonly (readonly [method: string, status: string, error: string])[] = [
  'GET',
  'POST',
].flatMap((method) => [
  ...lineStatuses.good.map((status) => [method, status, ''] as const),
  ...lineStatuses.error.map((status) => [method, status, status] as const),
  [method, '', 'timeout'] as const,
  [method, '', 'connection'] as const,
])

/** The lanes to LINE, the most urgent first (`line/slots.ts`). */
export const lanes = ['caller', 'recheck', 'background'] as const

/** `half_open`: the pause is over, and the next call is a probe, or the probe is under way. */
export const breakerStates = ['closed', 'half_open', 'open'] as const
export type BreakerState = (typeof breakerStates)[number]

/**
 * The tier that answered a question about an access token, and its answer. `flight`: another question that was asked before.
 * `gate`: the limit on bad tokens. A question is about one token and one subject: its verification, its profile, … So an
 * operation can have several. `metrics.md` says what each pair means.
 */
export const lookUps = [
  ['memory', 'fresh'],
  ['memory', 'aging'],
  ['memory', 'stale'],
  ['memory', 'refused'],
  ['flight', 'valid'],
  ['flight', 'refused'],
  ['flight', 'unanswered'],
  ['redis', 'valid'],
  ['redis', 'refused'],
  ['line', 'valid'],
  ['line', 'refused'],
  ['line', 'unanswered'],
  ['gate', 'limited'],
] as const
export type LookUp = (typeof lookUps)[number]

/** The connections to Redis for commands. `patient`: for refresh tokens and codes. */
export const commandConnections = ['look-ups', 'patient'] as const
export type CommandConnection = (typeof commandConnections)[number]

/** How a command to Redis ended. `late`: no reply in time. `away`: not sent, or its connection was lost. */
export const redisOutcomes = ['done', 'refused', 'late', 'away'] as const
export type RedisOutcome = (typeof redisOutcomes)[number]

/**
 * What Redis had about an access token. `old`: a record, but the question needs a newer one or another subject. `dead`: a
 * tombstone.
 */
export const sharedLookUps = ['found', 'absent', 'old', 'dead', 'away'] as const
export type SharedLookUp = (typeof sharedLookUps)[number]

/** What an entry in Redis is, by the letter at the end of its key (`tokens/shared-names.ts`). */
export const sharedEntries = {
  r: 'record of an access token',
  t: 'tombstone of an access token',
  s: 'tombstone of a session',
  u: 'tombstone of a user',
  f: 'the session that a refresh token belongs to',
  a: 'answer of a refresh',
  c: 'code',
  l: 'lease of a verification or a refresh',
  p: 'lease of a profile',
  i: 'lease of a userinfo',
  d: 'lease of a friendship',
  o: 'outcome of an exchange',
  e: 'event in the stream',
} as const
export type EntrySuffix = keyof typeof sharedEntries
export const entrySuffixes = Object.keys(sharedEntries) as readonly EntrySuffix[]

/** The settings that an error line can name. */
export const blamedSettings = [
  'LINE_CHANNEL_SECRET',
  'LINE_CHANNELS',
  'REDIS_URL',
  'CACHE_SECRET',
  'SIGNING_KEYS_FILE',
] as const
export type BlamedSetting = (typeof blamedSettings)[number]

/** How a worker ended that was not asked to. SIGABRT: also when it has no memory left. */
export const workerEnds = ['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGABRT', 'SIGBUS', 'exit 0', 'exit 1', 'other'] as const
export type WorkerEnd = (typeof workerEnds)[number]
