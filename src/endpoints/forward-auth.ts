import type { IncomingMessage } from 'node:http'
import { isBearer, readBearer } from '../http/bearer.ts'
import type { ClientAddresses } from '../http/client-address.ts'
import { countHeaders } from '../http/read-request.ts'
import { queryOf } from '../http/request-target.ts'
import { type HeaderList, noHeaders, type Reply } from '../http/send.ts'
import { LineUnavailable } from '../line/errors.ts'
import type { ApiToken, ApiTokens, VerifiedUser } from '../login/api-tokens.ts'
import type { Credentials, Identity, Verified } from '../tokens/credentials.ts'
import { shareOf } from '../tokens/shares.ts'
import { type Invalid, isOutage } from '../tokens/token-resolver.ts'
import type { Face, FaceContext, FaceReply, Failure } from './face.ts'
import { refusalHeaders } from './faces.ts'
import { outageFacts } from './outage.ts'

export type ForwardAuthOptions = {
  readonly credentials: Credentials
  /** `undefined`: nothing is signed, and the answers have no `Authorization` header. */
  readonly apiTokens: ApiTokens | undefined
  readonly clientAddresses: Pick<ClientAddresses, 'silentProxyOf'>
  /** `optional`: a request without an `Authorization` header passes without a user. */
  readonly mode: 'required' | 'optional'
}

/** What a route needs besides a good token. All of it must be there, so a second `scope` or `channel` never asks for less. */
type Demands = { readonly scopes: readonly string[]; readonly channels: readonly string[] }

/**
 * Tells a proxy whether the request of its client may pass, and whose request it is. Proxies send any method and any path
 * below `/auth`. The body is not read: Node throws it away when the answer is sent. Each 200 has all headers of the
 * identity, empty ones too: some proxies let the client's own header through where ours is absent.
 */
export function createForwardAuth({ credentials, apiTokens, clientAddresses, mode }: ForwardAuthOptions): Face {
  const anonymous = reply(200, 'OK', identityHeaders('', '', '', apiTokens === undefined ? undefined : ''))

  return { name: 'forward_auth', route: '/auth', serves, isForBrowsers: false, answer, refusal }

  function answer(request: IncomingMessage, context: FaceContext): FaceReply | Promise<FaceReply> {
    if (countHeaders(request, 'authorization') > 1) return twoCredentials
    const demands = demandsIn(request, context)
    const credential = readBearer(request, credentials.read)
    if (credential === 'MISSING') return mode === 'optional' && demands === nothingMore ? anonymous : noToken
    if (credential === 'MALFORMED') return isBearer(request.headers.authorization ?? '') ? badToken : noToken
    const caller = { clientAddress: clientOf(request, context), deadline: context.deadline }
    const identity = credentials.identify(credential, caller, demands.scopes)
    return identity instanceof Promise
      ? identity.then((settled) => replyTo(settled, demands))
      : replyTo(identity, demands)
  }

  /** The clients of proxies that do not tell them apart have no bucket: one of them could empty it for all. */
  function clientOf(request: IncomingMessage, { clientAddress }: FaceContext): string {
    return clientAddresses.silentProxyOf(request) === undefined ? clientAddress : shareOfProxies
  }

  function replyTo(identity: Identity, demands: Demands): FaceReply | Promise<FaceReply> {
    if (identity.verdict === 'invalid') return refusedToken(identity)
    if (identity.verdict === 'unknown') return noVerdict(identity.outage)
    if (demands.channels.some((channel) => channel !== identity.channelId)) return otherChannel
    if (!hasUser(identity)) return insufficientScope(['profile', ...demands.scopes])
    if (!demands.scopes.every((scope) => identity.scopes.includes(scope))) return insufficientScope(demands.scopes)
    // A user ID that a header cannot hold would become the ID of somebody else.
    if (!headerWord.test(identity.userId)) return noVerdict(new LineUnavailable('LINE sent a user ID of another form'))
    return apiTokens === undefined ? passed(identity, undefined) : passedWithToken(identity, apiTokens)
  }
}

function passedWithToken(user: VerifiedUser, apiTokens: ApiTokens): FaceReply | Promise<FaceReply> {
  try {
    const token = apiTokens.tokenFor(user, apiTokens.defaultAudience())
    return token instanceof Promise ? token.then((settled) => passed(user, settled), noVerdict) : passed(user, token)
  } catch (error) {
    return noVerdict(error)
  }
}

function passed({ userId, channelId, scopes }: VerifiedUser, apiToken: ApiToken | undefined): FaceReply {
  const authorization = apiToken && `Bearer ${apiToken.token}`
  return reply(200, 'OK', identityHeaders(userId, channelId, scopeText(scopes), authorization))
}

function identityHeaders(user: string, channel: string, scope: string, authorization?: string): HeaderList {
  const own = ['x-auth-request-user', user, 'x-line-user-id', user, 'x-line-channel-id', channel, 'x-line-scope', scope]
  return authorization === undefined ? own : [...own, 'authorization', authorization]
}

/** Throws what is no outage. */
function noVerdict(error: unknown): FaceReply {
  if (!isOutage(error)) throw error
  const { status, code, retryAfter, lineRequestId, lineError } = outageFacts(error)
  return { ...reply(status, code, refusalHeaders({}, retryAfter)), lineRequestId, lineError }
}

function refusedToken({ lineRequestId, lineError }: Invalid): FaceReply {
  return lineRequestId === undefined ? badToken : { ...badToken, lineRequestId, lineError }
}

function insufficientScope(scopes: readonly string[]): FaceReply {
  const names = scopeText([...new Set(scopes)])
  return challenge(403, 'FORBIDDEN', `, error="insufficient_scope"${names === '' ? '' : `, scope="${names}"`}`)
}

/** RFC 6750 section 3. */
function challenge(status: number, code: string, attributes = ''): FaceReply {
  return reply(status, code, ['www-authenticate', `Bearer realm="line"${attributes}`])
}

function reply(status: number, code: string, headers: HeaderList): FaceReply {
  return { status, code, headers, body: '' }
}

/** One for all of them: replicas of a proxy must not have more together than one proxy. */
const shareOfProxies = shareOf('proxy')

const twoCredentials = challenge(400, 'BAD_REQUEST', ', error="invalid_request"')
const noToken = challenge(401, 'UNAUTHENTICATED')
const badToken = challenge(401, 'UNAUTHENTICATED', ', error="invalid_token"')
const otherChannel = reply(403, 'FORBIDDEN', noHeaders)

function refusal({ status, headers, retryAfter }: Failure): Reply {
  return { status, headers: refusalHeaders(headers, retryAfter), body: '' }
}

function serves(path: string): boolean {
  return path === '/auth' || path.startsWith('/auth/')
}

/**
 * The query of `/auth` is the operator's. Below it, the path and the query are those of the proxy's client. Parameters with
 * other names say nothing. A scope or channel that cannot exist is one that no token has. So is more than
 * any route demands: a part of it would ask for less.
 */
function demandsIn({ url = '' }: IncomingMessage, { path }: FaceContext): Demands {
  const query = path === '/auth' ? queryOf(url) : ''
  if (query === '') return nothingMore
  if (query.length > longestQuery) return impossible
  const parameters = new URLSearchParams(query)
  const [scopeTexts, channels] = [parameters.getAll('scope'), parameters.getAll('channel')]
  if (scopeTexts.length === 0 && channels.length === 0) return nothingMore
  const scopes = scopeTexts.flatMap((text) => text.split(' ').filter((word) => word !== ''))
  return scopes.length + channels.length > mostDemands ? impossible : { scopes, channels }
}

const longestQuery = 2_000
const mostDemands = 20

const nothingMore: Demands = { scopes: [], channels: [] }
/** No scope has a space. */
const impossible: Demands = { scopes: [' '], channels: [] }

function hasUser(verified: Verified): verified is VerifiedUser {
  return verified.userId !== undefined
}

/** Scopes as headers hold them. Those that RFC 6749 section 3.3 does not allow are left out: LINE has none. */
function scopeText(scopes: readonly string[]): string {
  return scopes.filter((scope) => scopeToken.test(scope)).join(' ')
}

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/
/** Visible ASCII. */
const headerWord = /^[\x21-\x7e]+$/
