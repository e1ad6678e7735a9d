import { type createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forgeries, signedAgain } from '../harness/forged-tokens.ts'
import { runClock } from '../harness/running-clock.ts'
import {
  type Algorithm,
  apiToken,
  createKeyFile,
  exchanged,
  idToken,
  originalOf,
  type SigningGateway,
  startSigningGateway,
} from '../harness/signing-gateway.ts'
import { type ApiName, describeWithStockClients, installStockClients } from '../harness/stock-clients.ts'

const clients = await installStockClients()
afterAll(() => clients?.close())

const orders = 'https://orders.example'

/** The settings of a gateway, and the APIs that accept its tokens. The others refuse all of them, and say why in their own documents. */
const settings: readonly (readonly [Algorithm, 'at+jwt' | 'JWT', readonly ApiName[]])[] = [
  ['RS256', 'at+jwt', ['express', 'express, strict', 'fastify', 'hono with typ']],
  ['RS256', 'JWT', ['express', 'fastify', 'hono']],
  ['ES256', 'at+jwt', ['express', 'express, strict', 'hono with typ']],
  ['ES256', 'JWT', ['express', 'hono']],
]
const apiNames: readonly ApiName[] = ['express', 'express, strict', 'fastify', 'hono', 'hono with typ']

describe.each(settings)('tokens with %s and the type %s', (algorithm, type, accepting) => {
  let gateway: SigningGateway
  let stopClock: () => void
  beforeAll(async () => {
    gateway = await startSigningGateway(await createKeyFile(algorithm), {
      API_AUDIENCES: orders,
      API_TOKEN_TYPE: type,
    })
    stopClock = runClock(gateway)
  })
  afterAll(async () => {
    stopClock()
    await gateway.close()
  })

  const keys = () => createRemoteJWKSet(new URL(`${gateway.issuer}/.well-known/jwks.json`))
  const verify = (token: string, remote = keys()) =>
    jwtVerify(token, remote, { issuer: gateway.issuer, audience: orders, typ: type, algorithms: [algorithm] })

  /** The two ways to get a token, each with both kinds of credentials. */
  const ways: readonly (readonly [string, () => Promise<string>])[] = [
    ['viewer { apiToken } with an access token', () => apiToken(gateway, gateway.issue().accessToken)],
    ['viewer { apiToken } with an ID token', () => apiToken(gateway, idToken(gateway))],
    ['POST /oauth/token with an access token', () => exchanged(gateway, gateway.issue().accessToken)],
    ['POST /oauth/token with an ID token', () => exchanged(gateway, idToken(gateway))],
  ]

  describe('jose', () => {
    it.each(ways)('%s: accepted, with all claims of RFC 9068', async (_, mint) => {
      const { payload, protectedHeader } = await verify(await mint())
      expect(protectedHeader).toEqual({ alg: algorithm, kid: expect.any(String), typ: type })
      expect(payload).toEqual({
        iss: gateway.issuer,
        sub: gateway.emulator.users[0]?.userId,
        aud: orders,
        exp: expect.any(Number),
        iat: expect.any(Number),
        jti: expect.any(String),
        client_id: expect.stringMatching(/^\d{10}$/),
        scope: expect.stringMatching(/^(openid profile|profile openid)$/),
      })
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300)
    })

    it('a token signed again with the same claims: accepted', async () => {
      await verify(await signedAgain(await originalOf(gateway)))
    })

    it.each(Object.keys(forgeries))('%s: refused', async (fault) => {
      const forged = await forgeries[fault]?.(await originalOf(gateway))
      await expect(verify(forged ?? '')).rejects.toThrow(/JW|JOSE|Invalid|unexpected|signature|exp|required|allowed/)
    })

    it('the keys: no private member, and use, alg and kid of each', async () => {
      const { body } = await request(`${gateway.issuer}/.well-known/jwks.json`)
      const set = (await body.json()) as Parameters<typeof createLocalJWKSet>[0]
      expect(set.keys.length).toBeGreaterThan(0)
      for (const key of set.keys) {
        expect(key).toMatchObject({ use: 'sig', alg: algorithm, kid: expect.any(String) })
        for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(key).not.toHaveProperty(secret)
      }
    })

    it('a token of which the life has ended: refused', async () => {
      gateway.setWall(-600_000)
      const old = await exchanged(gateway, gateway.issue().accessToken)
      gateway.setWall(600_000)
      await expect(verify(old)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
    })
  })

  describeWithStockClients(clients, 'APIs of other people', (clients) => {
    let started: Promise<Readonly<Record<ApiName, string>>> | undefined
    const urls = () => {
      const { issuer } = gateway
      const jwksUri = `${issuer}/.well-known/jwks.json`
      started ??= clients.startApis({ issuer, audience: orders, jwksUri, algorithms: [algorithm] })
      return started
    }
    const statusOf = async (name: ApiName, token: string) => {
      const { statusCode, body } = await request((await urls())[name], bearing(token))
      await body.dump()
      return statusCode
    }

    it.each(ways)('%s: accepted by those that know this kind', async (_, mint) => {
      const token = await mint()
      const statuses = await Promise.all(apiNames.map((name) => statusOf(name, token)))
      expect(Object.fromEntries(apiNames.map((name, n) => [name, statuses[n]]))).toEqual(
        Object.fromEntries(apiNames.map((name) => [name, accepting.includes(name) ? 200 : 401])),
      )
    })

    it('they see the user of LINE', async () => {
      const token = await exchanged(gateway, gateway.issue().accessToken)
      for (const name of accepting) {
        const { body } = await request((await urls())[name], bearing(token))
        expect(await body.json()).toMatchObject({ sub: gateway.emulator.users[0]?.userId, aud: orders })
      }
    })

    it('a token signed again with the same claims: accepted', async () => {
      const token = await signedAgain(await originalOf(gateway))
      for (const name of accepting) expect([name, await statusOf(name, token)]).toEqual([name, 200])
    })

    it.each(Object.keys(forgeries))('%s: refused by all', async (fault) => {
      const forged = (await forgeries[fault]?.(await originalOf(gateway))) ?? ''
      for (const name of apiNames) expect([name, await statusOf(name, forged)]).toEqual([name, 401])
    })

    it('an access token and an ID token of LINE: refused by all', async () => {
      for (const token of [gateway.issue().accessToken, idToken(gateway)])
        for (const name of apiNames) expect([name, await statusOf(name, token)]).toEqual([name, 401])
    })
  })
})

function bearing(token: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } }
}
