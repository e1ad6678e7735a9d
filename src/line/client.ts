import type { Channel } from '../config.ts'
import type { LineEndpoint } from '../telemetry/metric-labels.ts'
import type { CallLimits, LineAnswer, LineRequest, Transport } from './transport.ts'

export type LineClient = ReturnType<typeof createLineClient>

/**
 * The calls of LINE Login v2.1, in the order of LINE's API reference. `responses.ts` reads their answers.
 * Credentials are sent in form bodies and headers. Only verify sends one in the query, because LINE requires it there.
 * The calls that several operations can wait for, `channelToken` and `certs`, have no limit but LINE_TIMEOUT_MS.
 * https://developers.line.biz/en/reference/line-login/
 */
export function createLineClient(transport: Transport) {
  return {
    /**
     * Issue access token (RFC 6749 section 4.1.3, RFC 7636). `authorization` is the code with what LINE binds it to.
     * LINE accepts a code once.
     */
    exchangeCode(
      channel: Channel,
      authorization: {
        readonly code: string
        readonly redirectUri: string
        readonly codeVerifier?: string | undefined
      },
      limits: CallLimits,
    ): Promise<LineAnswer> {
      const form = {
        grant_type: 'authorization_code',
        code: authorization.code,
        redirect_uri: authorization.redirectUri,
        code_verifier: authorization.codeVerifier,
        ...clientOf(channel),
        // LINE's SDKs send this for apps and LIFF. The ID token is then signed with ES256.
        id_token_key_type: channel.type === 'web' ? undefined : 'JWK',
      }
      return postForm(tokenRequest(channel, 'exchange'), form, limits)
    },

    /** Refresh access token. */
    refresh(channel: Channel, refreshToken: string, limits: CallLimits): Promise<LineAnswer> {
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...clientOf(channel) }
      return postForm(tokenRequest(channel, 'refresh'), form, limits)
    },

    /** Verify access token validity. */
    verifyAccessToken(accessToken: string, limits: CallLimits): Promise<LineAnswer> {
      const path = `/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`
      return transport.send({ endpoint: 'verify', method: 'GET', path }, limits)
    },

    /** Get user profile. */
    profile(accessToken: string, limits: CallLimits): Promise<LineAnswer> {
      return getAs('profile', '/v2/profile', accessToken, limits)
    },

    /** Get user information (OpenID Connect UserInfo). */
    userinfo(accessToken: string, limits: CallLimits): Promise<LineAnswer> {
      return getAs('userinfo', '/oauth2/v2.1/userinfo', accessToken, limits)
    },

    /** Get friendship status. */
    friendship(accessToken: string, limits: CallLimits): Promise<LineAnswer> {
      return getAs('friendship', '/friendship/v1/status', accessToken, limits)
    },

    /**
     * Revoke access token. With a refresh token (as LINE's SDKs log out), LINE revokes it and all access tokens
     * issued from it.
     */
    revoke(
      channel: Channel,
      token: { readonly accessToken: string } | { readonly refreshToken: string },
      limits: CallLimits,
    ): Promise<LineAnswer> {
      const credential =
        'accessToken' in token ? { access_token: token.accessToken } : { refresh_token: token.refreshToken }
      const request = { endpoint: 'revoke', path: '/oauth2/v2.1/revoke', channelId: channel.id } as const
      return postForm(request, { ...credential, ...clientOf(channel) }, limits)
    },

    /** Deauthorize your app to which the user has granted permissions: withdraws the user's consent. */
    deauthorize(channelToken: string, accessToken: string, limits: CallLimits): Promise<LineAnswer> {
      const request = {
        endpoint: 'deauthorize',
        method: 'POST',
        path: '/user/v1/deauthorize',
        headers: { authorization: `Bearer ${channelToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ userAccessToken: accessToken }),
      } as const
      return transport.send(request, limits)
    },

    /** Issue stateless channel access token. https://developers.line.biz/en/docs/basics/channel-access-token/ */
    channelToken(channel: { readonly id: string; readonly secret: string }): Promise<LineAnswer> {
      const request = { endpoint: 'channelToken', path: '/oauth2/v3/token', channelId: channel.id } as const
      const client = { client_id: channel.id, client_secret: channel.secret }
      return postForm(request, { grant_type: 'client_credentials', ...client })
    },

    /** The public keys of ID tokens signed with ES256 (RFC 7517). */
    certs(): Promise<LineAnswer> {
      return transport.send({ endpoint: 'certs', method: 'GET', path: '/oauth2/v2.1/certs' })
    },
  }

  function getAs(endpoint: LineEndpoint, path: string, accessToken: string, limits: CallLimits) {
    const headers = { authorization: `Bearer ${accessToken}` }
    return transport.send({ endpoint, method: 'GET', path, headers }, limits)
  }

  function postForm(
    request: Pick<LineRequest, 'path' | 'grant' | 'channelId' | 'once'> & { readonly endpoint: LineEndpoint },
    form: Record<string, string | undefined>,
    limits?: CallLimits,
  ): Promise<LineAnswer> {
    const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined)
    const body = new URLSearchParams(fields).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return transport.send({ ...request, method: 'POST', headers, body }, limits)
  }
}

/** LINE accepts a code once. It may accept a refresh token once too: it may issue a new one with each refresh. */
function tokenRequest({ id }: Channel, grant: 'exchange' | 'refresh') {
  return { endpoint: 'token', path: '/oauth2/v2.1/token', grant, channelId: id, once: true } as const
}

/** Client authentication as LINE requires it: in the body, never HTTP Basic, and the secret for web channels only. */
function clientOf(channel: Channel) {
  return { client_id: channel.id, client_secret: channel.type === 'web' ? channel.secret : undefined }
}
