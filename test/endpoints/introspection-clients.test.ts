import { request } from 'undici'
import { beforeAll, describe, expect, it } from 'vitest'
import { api, faceSettings } from '../harness/faces.ts'
import { liff, ourChannels, type RunningGateway, toReply, useSharedGateway, web } from '../harness/running-gateway.ts'

/**
 * Introspection as the stock clients in Java and Lua ask for it, which do not run here. What they send and what they check in the
 * answer is written out from their source (`faces.md` names it).
 */
const special = { id: 'billing/api+v2', secret: 'CaNaRy+of/the=billing%20api: 0123456789&~' }
const gateway = useSharedGateway({
  ...ourChannels,
  ...faceSettings,
  OAUTH_CLIENTS: JSON.stringify([api, special]),
  PUBLIC_URL: 'https://id.example',
})

type Client = { readonly id: string; readonly secret: string }
type Sent = { readonly headers: Record<string, string>; readonly body: string }
type Answer = { readonly status: number; readonly type: string; readonly text: string }
type Principal = { readonly name: string; readonly authorities: readonly string[]; readonly expiresAt: number }

/** org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector */
const spring = {
  /** Its builder encodes the credentials (RFC 6749 section 2.3.1); its old constructor sends them as they are. */
  request: (token: string, { id, secret }: Client, isEncoded = true): Sent => ({
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      authorization: basic(isEncoded ? formEncoded(id) : id, isEncoded ? formEncoded(secret) : secret),
    },
    body: new URLSearchParams({ token }).toString(),
  }),
  /** Throws `BadOpaqueTokenException` (a 401 to its caller) or `OAuth2IntrospectionException` (a 500). */
  read({ status, type, text }: Answer): Principal {
    if (status !== 200)
      throw new Error('OAuth2IntrospectionException: introspection endpoint responded with another status')
    if (!/^application\/json\b/.test(type)) throw new Error('OAuth2IntrospectionException: the content type')
    const claims = JSON.parse(text)
    if (claims.active !== true) throw new Error('BadOpaqueTokenException: Provided token isn’t active')
    for (const name of ['exp', 'iat', 'nbf'])
      if (name in claims && typeof claims[name] !== 'number') throw new Error(`ClassCastException: ${name}`)
    if ('aud' in claims && typeof claims.aud !== 'string' && !Array.isArray(claims.aud)) throw new Error('aud')
    if ('iss' in claims && !URL.canParse(claims.iss)) throw new Error('MalformedURLException: iss')
    if (typeof claims.scope !== 'string') throw new Error('ClassCastException: scope')
    const authorities = claims.scope.split(' ').map((scope: string) => `SCOPE_${scope}`)
    return { name: claims.sub, authorities, expiresAt: claims.exp * 1_000 }
  },
}

/** lua-resty-openidc, `openidc.introspect`, which APISIX uses too. */
const luaResty = {
  request: (token: string, { id, secret }: Client): Sent => ({
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: basic(encodeURIComponent(id), encodeURIComponent(secret)),
      'user-agent': 'lua-resty-http/0.17.2 (Lua) ngx_lua/10026',
    },
    body: `token=${encodeURIComponent(token)}`,
  }),
  /** Before version 1.9 the credentials are in the body. */
  oldRequest: (token: string, { id, secret }: Client): Sent => ({
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `client_id=${encodeURIComponent(id)}&client_secret=${encodeURIComponent(secret)}&token=${encodeURIComponent(token)}`,
  }),
  /** Returns for how many seconds it caches the answer. Without a number in `exp` it caches nothing. */
  read({ status, text }: Answer, now: number): { readonly ttl: number; readonly scopes: readonly string[] } {
    if (status !== 200) throw new Error('response indicates failure')
    const json = JSON.parse(text)
    if (!json.active) throw new Error('invalid token')
    if (typeof json.exp !== 'number') throw new Error('not cached')
    return { ttl: json.exp - Math.floor(now / 1_000), scopes: json.scope.split(' ') }
  },
}

/** Kong's plugin openid-connect: the token's kind and the answer's type are in its settings. */
const kong = {
  request: (token: string, client: Client): Sent => ({
    headers: { ...spring.request(token, client, false).headers, accept: 'application/json' },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
  }),
}

const senders: readonly (readonly [string, (token: string, client: Client) => Sent])[] = [
  ['Spring, encoded credentials', spring.request],
  ['Spring, raw credentials', (token, client) => spring.request(token, client, false)],
  ['lua-resty-openidc', luaResty.request],
  ['lua-resty-openidc before 1.9', luaResty.oldRequest],
  ['Kong', kong.request],
]

describe.each(senders)('a request as %s sends it', (_, requestFor) => {
  const ask = (token: string, client: Client = api) => introspect(requestFor(token, client))

  it('an access token: the user, the scopes, and an end for its cache', async () => {
    const { accessToken } = gateway().issue()
    const answer = await ask(accessToken)
    expect(spring.read(answer)).toEqual({
      name: gateway().emulator.users[0]?.userId,
      authorities: ['SCOPE_profile', 'SCOPE_openid'],
      expiresAt: gateway().lineTime() + 3_600_000,
    })
    expect(luaResty.read(answer, gateway().lineTime())).toEqual({ ttl: 3_600, scopes: ['profile', 'openid'] })
  })

  it('an ID token: the same user', async () => {
    const { idToken = '' } = gateway().issue({ channelId: liff.id })
    expect(spring.read(await ask(idToken)).name).toBe(gateway().emulator.users[0]?.userId)
  })

  it('a client with special characters in its ID and secret: known', async () => {
    expect(spring.read(await ask(gateway().issue().accessToken, special)).authorities).toHaveLength(2)
  })

  it('a token that LINE refuses: inactive', async () => {
    const answer = await ask('not-a-token')
    expect(answer).toMatchObject({ status: 200, text: '{"active":false}' })
    expect(() => spring.read(answer)).toThrow('BadOpaqueTokenException')
    expect(() => luaResty.read(answer, 0)).toThrow('invalid token')
  })

  it('an outage of LINE: an outage of theirs, not a refusal', async () => {
    gateway().emulator.faults.set('*', { status: 500 })
    const answer = await ask(gateway().issue().accessToken)
    gateway().advance(60_000)
    expect(answer.status).toBe(503)
    expect(() => spring.read(answer)).toThrow('OAuth2IntrospectionException')
  })

  it('a wrong secret: 401, so no answer of any kind', async () => {
    const answer = await ask(gateway().issue().accessToken, { ...api, secret: `${special.secret}x` })
    expect(answer.status).toBe(401)
    expect(() => spring.read(answer)).toThrow('OAuth2IntrospectionException')
  })
})

describe('the end that clients cache until', () => {
  let running: RunningGateway
  beforeAll(() => {
    running = gateway()
  })

  it('a token that LINE ends before the hour: LINE’s end', async () => {
    const { accessToken } = running.issue({ expiresIn: 120 })
    const answer = await introspect(spring.request(accessToken, api))
    expect(luaResty.read(answer, running.lineTime()).ttl).toBe(120)
    expect(JSON.parse(answer.text)).toMatchObject({ line_exp: running.lineTime() / 1_000 + 120, client_id: web.id })
  })

  it('a record served stale, because LINE is down: one minute', async () => {
    const { accessToken } = running.issue()
    await introspect(spring.request(accessToken, api))
    running.advance(4_000_000)
    running.emulator.faults.set('*', { status: 500 })
    const answer = await introspect(spring.request(accessToken, api))
    expect(luaResty.read(answer, running.lineTime()).ttl).toBe(60)
    running.advance(60_000)
  })
})

async function introspect({ headers, body }: Sent): Promise<Answer> {
  const answer = await request(`${gateway().url}/oauth/introspect`, { method: 'POST', headers, body })
  const { status, headers: own, text } = toReply(answer.statusCode, answer.headers, await answer.body.text())
  return { status, type: String(own['content-type']), text }
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

function formEncoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length)
}
