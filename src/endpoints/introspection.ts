import type { IncomingMessage } from 'node:http'
import type { Config } from '../config.ts'
import { preferredMediaType } from '../http/content-negotiation.ts'
import type { SigningKeys } from '../login/signing-keys.ts'
import type { Services } from '../schema/context.ts'
import type { Identity, Verified } from '../tokens/credentials.ts'
import { isOutage } from '../tokens/token-resolver.ts'
import { createClientAuthentication, type KnownClient } from './client-authentication.ts'
import type { Face, FaceContext, FaceReply } from './face.ts'
import { oauthError, oauthRefusal, oauthReply, unavailable } from './oauth-answers.ts'

const jwtType = 'token-introspection+jwt'
const mediaTypes = ['application/json', `application/${jwtType}`] as const

/** `POST /oauth/introspect` (RFC 7662), as JSON or signed (RFC 9701). `undefined` without OAUTH_CLIENTS. */
export function createIntrospection(services: Services, { oauthClients, publicUrl }: Config): Face | undefined {
  if (oauthClients.length === 0) return undefined
  const { credentials, apiTokens, signingKeys, buckets, now, toWall } = services
  const authenticate = createClientAuthentication(oauthClients, buckets)
  return {
    name: 'introspection',
    route: '/oauth/introspect',
    serves: (path) => path === '/oauth/introspect',
    isForBrowsers: false,
    readsForm: true,
    answer,
    refusal: oauthRefusal,
  }

  function answer(
    request: IncomingMessage,
    { form, clientAddress, deadline }: FaceContext,
  ): FaceReply | Promise<FaceReply> {
    const client = authenticate(request, form, clientAddress)
    const token = form.get('token')
    if (token === undefined) throw oauthError('invalid_request', 'token is missing')
    const credential = credentials.read(token)
    if (credential === undefined) return reply(request, client, inactive)
    const identity = credentials.identify(credential, { clientAddress: client.share, deadline })
    return identity instanceof Promise
      ? identity.then((settled) => reply(request, client, introspected(settled)))
      : reply(request, client, introspected(identity))
  }

  function introspected(identity: Identity): object {
    if (identity.verdict === 'unknown') throw unavailable(identity.outage)
    return identity.verdict === 'invalid' ? inactive : active(identity)
  }

  /** RFC 7662 section 2.2. LINE does not tell `iat`. Members that are `undefined` are left out. */
  function active({ userId, channelId, scopes, expiresAt, reliableUntil }: Verified): object {
    return {
      active: true,
      sub: userId,
      client_id: channelId,
      scope: scopes.join(' '),
      exp: toSeconds(reliableUntil),
      ...issuerClaim(),
      aud: channelId,
      token_type: 'Bearer',
      line_exp: toSeconds(expiresAt),
    }
  }

  function reply(request: IncomingMessage, client: KnownClient, body: object): FaceReply | Promise<FaceReply> {
    return signingKeys !== undefined && wantsJwt(request) ? signed(signingKeys, client, body) : oauthReply(body)
  }

  /** RFC 9701 section 5. Without `sub` and `exp` beside the answer, nobody can take it for an access token. */
  async function signed(keys: SigningKeys, { id }: KnownClient, body: object): Promise<FaceReply> {
    const claims = { ...issuerClaim(), aud: id, iat: toSeconds(toWall(now())), token_introspection: body }
    try {
      const { jwt } = await keys.sign(claims, jwtType)
      return { ...oauthReply(body), headers: ['content-type', mediaTypes[1]], body: jwt }
    } catch (error) {
      // No key signs, and the operator has been told. The answer is known all the same.
      if (isOutage(error)) return oauthReply(body)
      throw error
    }
  }

  function issuerClaim(): { readonly iss?: string } {
    const iss = apiTokens?.issuer() ?? publicUrl
    return iss === undefined ? {} : { iss }
  }
}

const inactive = { active: false }

/** Most clients do not name the type, so the header is seldom read whole. */
function wantsJwt({ headers: { accept } }: IncomingMessage): boolean {
  return accept?.toLowerCase().includes(jwtType) === true && preferredMediaType(accept, mediaTypes) === mediaTypes[1]
}

function toSeconds(ms: number): number {
  return Math.floor(ms / 1_000)
}
