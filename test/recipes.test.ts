import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { api } from './harness/faces.ts'
import { freePort } from './harness/free-port.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { usePrograms } from './harness/programs.ts'
import { apiToken, idToken, type SigningGateway, startSigningGateway } from './harness/signing-gateway.ts'

/** The recipes of the README that a test can run. Those for proxies have tests of their own. */
type Recipes = {
  apiTokenFor(idToken: string | null, to: { readonly gateway: string; readonly audience: string }): Promise<string>
  userOf(
    token: string,
    to: { readonly gateway: string; readonly clientId: string; readonly clientSecret: string },
  ): Promise<{ readonly userId: string; readonly scope: string } | undefined>
}

const folder = join(import.meta.dirname, 'recipes')
const load = async (file: string): Promise<Recipes> => import(join(folder, file))
const audience = 'https://api.example'
let gateway: SigningGateway

beforeAll(async () => {
  gateway = await startSigningGateway(writeKeyFile(), { API_AUDIENCES: `${audience},https://other.example` })
})
afterAll(() => gateway.close())

describe('node-api.mjs', () => {
  const programs = usePrograms()

  it('knows the user of a token for it, and refuses other tokens', async () => {
    const port = await freePort()
    const settings = { GATEWAY: gateway.issuer, AUDIENCE: audience, PORT: String(port) }
    programs.start(process.execPath, [join(folder, 'node-api.mjs')], settings)
    const line = gateway.issue()
    const ask = async (token: string) => {
      const response = await fetch(`http://127.0.0.1:${port}`, { headers: { authorization: `Bearer ${token}` } })
      return response.status === 200 ? response.json() : response.status
    }
    const token = await apiToken(gateway, line.accessToken)
    const user = { userId: expect.stringMatching(/^U[0-9a-f]{32}$/), scope: 'profile openid' }
    await expect.poll(() => ask(token).catch(String), { timeout: 30_000 }).toEqual(user)
    expect(await ask(line.accessToken)).toBe(401)
    expect(await ask(`${token.slice(0, -4)}AAAA`)).toBe(401)
    expect(await ask(await apiToken(gateway, line.accessToken, 'https://other.example'))).toBe(401)
  })
})

describe('node-api.mjs without a gateway', () => {
  const programs = usePrograms()

  it('says 503 where it cannot fetch the keys: nobody is logged out', async () => {
    const [port, nobody] = [await freePort(), await freePort()]
    const settings = { GATEWAY: `http://127.0.0.1:${nobody}`, AUDIENCE: audience, PORT: String(port) }
    programs.start(process.execPath, [join(folder, 'node-api.mjs')], settings)
    const authorization = `Bearer ${await apiToken(gateway, gateway.issue().accessToken)}`
    const ask = () =>
      fetch(`http://127.0.0.1:${port}`, { headers: { authorization } }).then(({ status }) => status, String)
    await expect.poll(ask, { timeout: 30_000 }).toBe(503)
  })
})

describe('introspect.mjs', () => {
  it('finds the user of an access token and of an ID token, nobody for junk, and rejects in an outage', async () => {
    const { userOf } = await load('introspect.mjs')
    const to = { gateway: gateway.url, clientId: api.id, clientSecret: api.secret }
    expect(await userOf(gateway.issue().accessToken, to)).toMatchObject({ scope: 'profile openid' })
    expect(await userOf(idToken(gateway), to)).toMatchObject({ userId: expect.stringMatching(/^U/) })
    expect(await userOf('junk', to)).toBeUndefined()
    gateway.emulator.faults.set('*', { status: 500 })
    await expect(userOf(gateway.issue().accessToken, to)).rejects.toThrow('503')
    gateway.emulator.faults.clear()
  })
})

describe('liff.mjs', () => {
  it('exchanges an ID token, and asks for a login where it is bad', async () => {
    const { apiTokenFor } = await load('liff.mjs')
    const to = { gateway: gateway.url, audience }
    expect(await apiTokenFor(idToken(gateway), to)).toMatch(/^eyJ/)
    await expect(apiTokenFor('junk', to)).rejects.toThrow('Log in again')
    await expect(apiTokenFor(null, to)).rejects.toThrow('the scope openid')
    await expect(apiTokenFor(idToken(gateway), { ...to, audience: 'https://nobody.example' })).rejects.toThrow(
      'invalid_target',
    )
  })
})
