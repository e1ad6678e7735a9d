import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { api, tokenTypes } from '../harness/faces.ts'
import { forgeries } from '../harness/forged-tokens.ts'
import { runClock } from '../harness/running-clock.ts'
import {
  type Algorithm,
  createKeyFile,
  exchanged,
  idToken,
  originalOf,
  type SigningGateway,
  startSigningGateway,
} from '../harness/signing-gateway.ts'
import { describeWithStockClients, installStockClients, type OauthClient } from '../harness/stock-clients.ts'

const clients = await installStockClients()
afterAll(() => clients?.close())

const orders = 'https://orders.example'
const billing = 'https://billing.example'

describeWithStockClients(clients, 'oauth4webapi', (clients) => {
  describe.each<Algorithm>(['RS256', 'ES256'])('%s', (algorithm) => {
    let gateway: SigningGateway
    let stopClock: () => void
    let client: OauthClient
    beforeAll(async () => {
      gateway = await startSigningGateway(await createKeyFile(algorithm), { API_AUDIENCES: `${orders},${billing}` })
      stopClock = runClock(gateway)
      client = clients.startOauthClient(gateway.issuer)
      await value('discover', { algorithm: 'oidc' })
    })
    afterAll(async () => {
      stopClock()
      await gateway.close()
    })

    const value = async (name: string, argument: object) => {
      const outcome = await client.call(name, argument)
      expect(outcome.error).toBeUndefined()
      return outcome.value
    }
    const error = async (name: string, argument: object) => {
      const outcome = await client.call(name, argument)
      expect(outcome.value).toBeUndefined()
      return outcome.error
    }
    const parametersOf = (token: string, kind: keyof typeof tokenTypes = 'accessToken') => ({
      subject_token: token,
      subject_token_type: tokenTypes[kind],
    })

    it.each(['oidc', 'oauth2'])('discovery (%s): the endpoints of this issuer', async (how) => {
      expect(await value('discover', { algorithm: how })).toMatchObject({
        issuer: gateway.issuer,
        jwks_uri: `${gateway.issuer}/.well-known/jwks.json`,
        token_endpoint: `${gateway.issuer}/oauth/token`,
        introspection_endpoint: `${gateway.issuer}/oauth/introspect`,
        grant_types_supported: expect.arrayContaining(['urn:ietf:params:oauth:grant-type:token-exchange']),
        response_types_supported: expect.any(Array),
        token_endpoint_auth_methods_supported: ['none'],
        introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        introspection_signing_alg_values_supported: [algorithm],
      })
    })

    it.each(['accessToken', 'idToken'] as const)('token exchange of an %s: a Bearer token', async (kind) => {
      const token = kind === 'idToken' ? idToken(gateway) : gateway.issue().accessToken
      const parameters = { ...parametersOf(token, kind), audience: billing, scope: 'openid' }
      const answer = await value('exchange', { parameters })
      expect(answer).toMatchObject({
        token_type: 'bearer',
        issued_token_type: tokenTypes.accessToken,
        scope: 'openid',
        expires_in: expect.any(Number),
      })
      expect(decodeJwt(answer.access_token)).toMatchObject({ aud: billing, scope: 'openid' })
    })

    it.each<[string, (good: string) => Record<string, string>, string]>([
      ['a token that LINE does not know', () => parametersOf('no-token'), 'invalid_request'],
      ['an unknown audience', (good) => ({ ...parametersOf(good), audience: 'https://x.example' }), 'invalid_target'],
      ['a resource', (good) => ({ ...parametersOf(good), resource: orders }), 'invalid_target'],
      ['more scope than LINE granted', (good) => ({ ...parametersOf(good), scope: 'openid email' }), 'invalid_scope'],
    ])('token exchange, %s: the error of RFC 8693', async (_, parameters, code) => {
      expect(await error('exchange', { parameters: parameters(gateway.issue().accessToken) })).toMatchObject({
        code: 'OAUTH_RESPONSE_BODY_ERROR',
        status: 400,
        body: code,
      })
    })

    it('token exchange during an outage of LINE: 503, temporarily_unavailable', async () => {
      const { accessToken } = gateway.issue()
      gateway.emulator.faults.set('*', { status: 500 })
      const failed = await error('exchange', { parameters: parametersOf(accessToken) })
      gateway.emulator.faults.clear()
      expect(failed).toMatchObject({ status: 503 })
    })

    it('validateJwtAccessToken: accepts our tokens', async () => {
      const token = await exchanged(gateway, gateway.issue().accessToken)
      expect(await value('validate', { token, audience: orders })).toMatchObject({ iss: gateway.issuer, aud: orders })
    })

    it.each(Object.keys(forgeries))('validateJwtAccessToken, %s: refused', async (fault) => {
      const token = await forgeries[fault]?.(await originalOf(gateway))
      expect(await error('validate', { token, audience: orders })).toBeDefined()
    })

    describe.each(['client_secret_basic', 'client_secret_post'])('introspection with %s', (method) => {
      it.each<[string, (gateway: SigningGateway) => string]>([
        ['an access token', ({ issue }) => issue().accessToken],
        ['an ID token', idToken],
      ])('%s: active, with numbers as numbers', async (_, tokenOf) => {
        const { answer, contentType } = await value('introspect', { token: tokenOf(gateway), client: api, method })
        expect(contentType).toMatch(/^application\/json/)
        expect(answer).toMatchObject({
          active: true,
          sub: gateway.emulator.users[0]?.userId,
          client_id: expect.stringMatching(/^\d{10}$/),
          scope: expect.any(String),
          exp: expect.any(Number),
          iss: gateway.issuer,
          aud: answer.client_id,
          token_type: 'Bearer',
        })
      })

      it('a token that LINE does not know, and one of our own: inactive and nothing else', async () => {
        for (const token of ['no-token', await exchanged(gateway, gateway.issue().accessToken)]) {
          const { answer } = await value('introspect', { token, client: api, method })
          expect(answer).toEqual({ active: false })
        }
      })

      it.each<[string, (gateway: SigningGateway) => string, boolean]>([
        ['an active token', ({ issue }) => issue().accessToken, true],
        ['an inactive token', () => 'no-token', false],
      ])('%s, as a signed answer (RFC 9701): its signature and its claims are good', async (_, tokenOf, isActive) => {
        const argument = { token: tokenOf(gateway), client: api, method, signedBy: algorithm }
        const { answer, contentType } = await value('introspect', argument)
        expect(contentType).toMatch(/^application\/token-introspection\+jwt/)
        expect(answer.active).toBe(isActive)
        if (!isActive) expect(answer).toEqual({ active: false })
      })

      it('a wrong secret: 401', async () => {
        const client = { ...api, secret: `${api.secret}x` }
        expect(await error('introspect', { token: 'no-token', client, method })).toMatchObject({ status: 401 })
      })
    })
  })
})
