import type { IncomingMessage } from 'node:http'
import type { Form } from '../http/form.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { ApiToken, ApiTokens, VerifiedUser } from '../login/api-tokens.ts'
import type { Services } from '../schema/context.ts'
import { type Credential, type Credentials, isIdToken } from '../tokens/credentials.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import type { Face, FaceContext, FaceReply } from './face.ts'
import { oauthError, oauthRefusal, oauthReply, rethrowUnavailable, unavailable } from './oauth-answers.ts'

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const idTokenType = 'urn:ietf:params:oauth:token-type:id_token'

/** `POST /oauth/token` (RFC 8693): LINE's token in, our JWT out. Clients are public. `undefined` without signing keys. */
export function createTokenExchange({ credentials, apiTokens, now, toWall }: Services): Face | undefined {
  if (apiTokens === undefined) return undefined
  const tokens = apiTokens
  return {
    name: 'token_exchange',
    route: '/oauth/token',
    serves: (path) => path === '/oauth/token',
    isForBrowsers: true,
    readsForm: true,
    answer,
    refusal: oauthRefusal,
  }

  async function answer(_: IncomingMessage, { form, clientAddress, deadline }: FaceContext): Promise<FaceReply> {
    const exchange = readExchange(form, tokens, credentials)
    const subject = await identify(credentials, exchange.subject, { clientAddress, deadline })
    const token = await mint(tokens, subject, exchange)
    return oauthReply({
      access_token: token.token,
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: Math.max(Math.floor((token.expiresAt - toWall(now())) / 1_000), 0),
      scope: token.scope,
    })
  }
}

/** What a request asks for. */
type Exchange = {
  readonly subject: Credential
  readonly audience: string
  /** `undefined`: those of the subject token. */
  readonly scopes: readonly string[] | undefined
}

/** All that the form alone can tell. LINE is not asked for a request that is wrong in another way. */
function readExchange(form: Form, tokens: ApiTokens, credentials: Credentials): Exchange {
  assertGrant(form)
  const raw = form.get('subject_token')
  const type = form.get('subject_token_type')
  if (raw === undefined) throw invalidRequest('subject_token is missing')
  if (type === undefined) throw invalidRequest('subject_token_type is missing')
  if (type !== accessTokenType && type !== idTokenType)
    throw invalidRequest(`subject_token_type must be ${accessTokenType} or ${idTokenType}`)
  assertNoOther(form)
  const audience = tokens.audienceOf(form.get('audience'))
  if (audience === undefined) throw oauthError('invalid_target', 'audience must be one of API_AUDIENCES')
  const subject = credentials.read(raw)
  if (subject === undefined) throw invalidRequest(refusals.MALFORMED)
  if (isIdToken(subject) !== (type === idTokenType)) throw invalidRequest('subject_token is not of subject_token_type')
  return { subject, audience, scopes: form.get('scope')?.split(' ') }
}

function assertGrant(form: Form): void {
  const grant = form.get('grant_type')
  if (grant === undefined) throw invalidRequest('grant_type is missing')
  if (grant !== tokenExchangeGrant)
    throw oauthError('unsupported_grant_type', `grant_type must be ${tokenExchangeGrant}`)
}

/** What RFC 8693 section 2.1 has and we have not. */
function assertNoOther(form: Form): void {
  if ((form.get('requested_token_type') ?? accessTokenType) !== accessTokenType)
    throw invalidRequest(`requested_token_type must be ${accessTokenType}`)
  if (form.has('actor_token') || form.has('actor_token_type')) throw invalidRequest('actor_token is not supported')
  if (form.has('resource')) throw oauthError('invalid_target', 'resource is not supported: use audience')
}

/** A bad subject token is `invalid_request` (section 2.2.2). */
async function identify(credentials: Credentials, subject: Credential, caller: Caller): Promise<VerifiedUser> {
  const identity = await credentials.identify(subject, caller)
  if (identity.verdict === 'unknown') throw unavailable(identity.outage)
  if (identity.verdict === 'invalid') throw oauthError('invalid_request', refusals[identity.reason], identity)
  const { userId } = identity
  if (userId === undefined)
    throw invalidRequest('The subject token tells nobody its user: it needs the scope profile or openid')
  return { ...identity, userId }
}

async function mint(tokens: ApiTokens, subject: VerifiedUser, { audience, scopes }: Exchange): Promise<ApiToken> {
  if (scopes?.every((scope) => subject.scopes.includes(scope)) === false)
    throw oauthError('invalid_scope', 'scope has more than LINE has granted to the subject token')
  try {
    return await tokens.tokenFor(subject, audience, scopes)
  } catch (error) {
    return rethrowUnavailable(error)
  }
}

const invalidRequest = (description: string) => oauthError('invalid_request', description)

const refusals: Record<TokenRefusal, string> = {
  MALFORMED: 'The subject token is malformed',
  EXPIRED: 'The subject token has expired: get a new one from LINE',
  REVOKED: 'The subject token was revoked: log in again',
  WRONG_CHANNEL: 'The subject token was issued for another channel',
  INVALID: 'The subject token was refused: log in again',
}
