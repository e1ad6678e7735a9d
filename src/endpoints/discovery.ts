import type { IncomingMessage } from 'node:http'
import type { Config } from '../config.ts'
import { RequestRefused } from '../http/read-request.ts'
import type { Services } from '../schema/context.ts'
import type { Face, FaceContext, FaceReply } from './face.ts'
import { oauthRefusal } from './oauth-answers.ts'
import { tokenExchangeGrant } from './token-exchange.ts'

const jwksPath = '/.well-known/jwks.json'
const metadataPaths = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const allow = { headers: { allow: 'GET, HEAD' } }

/**
 * What verifiers of our JWTs read: the metadata (RFC 8414, OpenID Connect Discovery) and the keys (RFC 7517). Without keys,
 * proxies still find the introspection endpoint in the metadata. `undefined`: there is nothing to find, or no name for it.
 */
export function createDiscovery(
  { apiTokens, signingKeys }: Services,
  { oauthClients, publicUrl }: Config,
): Face | undefined {
  const isSigning = apiTokens !== undefined && signingKeys !== undefined
  const introspects = oauthClients.length > 0
  if (!isSigning && (publicUrl === undefined || !introspects)) return undefined
  const paths = new Set(isSigning ? [...metadataPaths, jwksPath] : metadataPaths)
  return {
    name: 'discovery',
    route: '/.well-known/{document}',
    serves: (path) => paths.has(path),
    isForBrowsers: true,
    answer,
    refusal: oauthRefusal,
  }

  function answer({ method }: IncomingMessage, { path }: FaceContext): FaceReply {
    if (method !== 'GET' && method !== 'HEAD')
      throw new RequestRefused(405, 'Only GET and HEAD are answered here', allow)
    return {
      status: 200,
      headers: ['content-type', 'application/json'],
      // Verifiers fetch the keys again after this time. A new key is published hours before it signs.
      cacheControl: 'public, max-age=300',
      body: JSON.stringify(path === jwksPath ? signingKeys?.publicKeys() : metadata()),
      code: 'OK',
    }
  }

  function metadata(): object {
    const issuer = apiTokens?.issuer() ?? publicUrl
    const algorithms = signingKeys?.algorithms()
    return {
      issuer,
      ...(algorithms && signing(issuer, algorithms)),
      ...(introspects && introspection(issuer, algorithms)),
      ...fixed,
    }
  }
}

function signing(issuer: string | undefined, algorithms: readonly string[]): object {
  return {
    jwks_uri: `${issuer}${jwksPath}`,
    token_endpoint: `${issuer}/oauth/token`,
    token_endpoint_auth_methods_supported: ['none'],
    grant_types_supported: [tokenExchangeGrant],
    id_token_signing_alg_values_supported: algorithms,
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'],
  }
}

/** Without keys, answers are never signed. JSON leaves out what is `undefined`. */
function introspection(issuer: string | undefined, algorithms: readonly string[] | undefined): object {
  return {
    introspection_endpoint: `${issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    introspection_signing_alg_values_supported: algorithms,
  }
}

/** Both standards require the first two, also without an authorization endpoint. Verifiers expect these values. */
const fixed = {
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  scopes_supported: ['openid', 'profile', 'email'],
}
