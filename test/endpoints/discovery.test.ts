import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basic, jsonOf, postForm } from '../harness/forms.ts'
import { type KeyFile, writeKeyFile } from '../harness/key-file.ts'
import { linesOf, type RunningGateway, START_MS, startRunningGateway, web } from '../harness/running-gateway.ts'

const issuer = 'https://gateway.example'
const client = { id: 'orders', secret: 'x'.repeat(32) }
const documents = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const jwks = '/.well-known/jwks.json'

let keyFile: KeyFile
let gateway: RunningGateway
beforeAll(async () => {
  keyFile = writeKeyFile()
  gateway = await startRunningGateway({
    SIGNING_KEYS_FILE: keyFile.path,
    PUBLIC_URL: issuer,
    OAUTH_CLIENTS: JSON.stringify([client]),
    CORS_ORIGINS: 'https://app.example',
  })
})
afterAll(async () => {
  await gateway.close()
  keyFile.remove()
})

const metadata = {
  issuer,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  token_endpoint: `${issuer}/oauth/token`,
  token_endpoint_auth_methods_supported: ['none'],
  grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
  scopes_supported: ['openid', 'profile', 'email'],
  claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'],
}
const introspection = {
  introspection_endpoint: `${issuer}/oauth/introspect`,
  introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  introspection_signing_alg_values_supported: ['ES256'],
}

describe('the metadata', () => {
  it.each(documents)('%s: where everything is', async (path) => {
    const reply = await gateway.send(path)
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(jsonOf(reply)).toEqual({ ...metadata, ...introspection })
  })

  it('without OAUTH_CLIENTS: no introspection', async () => {
    const settings = { SIGNING_KEYS_FILE: keyFile.path, PUBLIC_URL: issuer }
    const other = await startRunningGateway(settings, { beside: gateway })
    try {
      for (const path of documents) expect(jsonOf(await other.send(path))).toEqual(metadata)
    } finally {
      await other.close()
    }
  })
})

it('without signing keys, but with PUBLIC_URL and OAUTH_CLIENTS: the metadata name the introspection, no keys', async () => {
  const settings = { PUBLIC_URL: issuer, OAUTH_CLIENTS: JSON.stringify([client]) }
  const other = await startRunningGateway(settings, { beside: gateway })
  try {
    for (const path of documents)
      expect(jsonOf(await other.send(path))).toEqual({
        issuer,
        introspection_endpoint: introspection.introspection_endpoint,
        introspection_endpoint_auth_methods_supported: introspection.introspection_endpoint_auth_methods_supported,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        scopes_supported: ['openid', 'profile', 'email'],
      })
    expect((await other.send(jwks)).status).toBe(404)
  } finally {
    await other.close()
  }
})

describe('the keys', () => {
  it('only public members, with kid, use and alg', async () => {
    const reply = await gateway.send(jwks)
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    const text = expect.any(String)
    const key = { kty: 'EC', crv: 'P-256', x: text, y: text, kid: text, use: 'sig', alg: 'ES256' }
    expect(jsonOf(reply)).toEqual({ keys: [key] })
  })
})

describe('all three', () => {
  it.each([...documents, jwks])('%s: may be cached for 5 minutes', async (path) => {
    const { headers } = await gateway.send(path)
    expect(headers['cache-control']).toBe('public, max-age=300')
  })

  it.each([...documents, jwks])('HEAD %s: the same headers', async (path) => {
    const [{ headers }, head] = [await gateway.send(path), await gateway.send(path, { method: 'HEAD' })]
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.headers['content-length']).toBe(headers['content-length'])
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'] as const)('%s: 405 with Allow, not to be cached', async (method) => {
    for (const path of [...documents, jwks]) {
      const reply = await gateway.send(path, { method })
      expect(reply).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD', 'cache-control': 'no-store' } })
    }
  })

  it('scripts of an allowed origin may read them', async () => {
    const { headers } = await gateway.send(jwks, { headers: { origin: 'https://app.example' } })
    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'origin' })
  })

  it('a path beside them, and all without keys and without OAUTH_CLIENTS or PUBLIC_URL: 404', async () => {
    const beside = ['/.well-known/', '/.well-known/jwks.json/', '/.well-known/openid-configuration/x']
    for (const path of beside) expect((await gateway.send(path)).status).toBe(404)
    for (const settings of [{ PUBLIC_URL: issuer }, { OAUTH_CLIENTS: JSON.stringify([client]) }]) {
      const other = await startRunningGateway(settings, { beside: gateway })
      try {
        for (const path of [...documents, jwks]) expect((await other.send(path)).status).toBe(404)
      } finally {
        await other.close()
      }
    }
  })
})

describe('a signed introspection (RFC 9701)', () => {
  const jwtType = 'application/token-introspection+jwt'
  const introspect = (token: string, accept: string) =>
    postForm(gateway, '/oauth/introspect', { token }, { ...basic(client.id, client.secret), accept })

  it('of a good token: an envelope without `sub` and `exp`', async () => {
    const { accessToken } = gateway.issue()
    const plain = jsonOf(await introspect(accessToken, 'application/json'))
    const reply = await introspect(accessToken, jwtType)
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': jwtType, 'cache-control': 'no-store' } })
    const keys = createRemoteJWKSet(new URL(gateway.url + jwks))
    const { payload, protectedHeader } = await jwtVerify(reply.text, keys, { currentDate: new Date(START_MS) })
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'token-introspection+jwt' })
    expect(payload).toEqual({ iss: issuer, aud: client.id, iat: START_MS / 1_000, token_introspection: plain })
    expect(plain).toMatchObject({ active: true, client_id: web.id, iss: issuer })
  })

  it('of a bad token: inactive, and nothing else', async () => {
    const { text } = await introspect('two words', jwtType)
    const keys = createRemoteJWKSet(new URL(gateway.url + jwks))
    const { payload } = await jwtVerify(text, keys)
    expect(payload.token_introspection).toEqual({ active: false })
  })

  it.each([
    [jwtType, jwtType],
    [jwtType.toUpperCase(), jwtType],
    [`application/json;q=0.5, ${jwtType}`, jwtType],
    [`${jwtType}, */*;q=0.1`, jwtType],
    [`application/json, ${jwtType};q=0.9`, 'application/json'],
    [`${jwtType};q=0`, 'application/json'],
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    ['application/jwt', 'application/json'],
    ['text/html', 'application/json'],
  ])('Accept: %s: answered as %s', async (accept, type) => {
    expect((await introspect('two words', accept)).headers['content-type']).toBe(type)
  })

  it('its errors: plain JSON', async () => {
    const reply = await postForm(gateway, '/oauth/introspect', { token: 'x' }, { accept: jwtType })
    expect(reply).toMatchObject({ status: 401, headers: { 'content-type': 'application/json' } })
  })

  it('without signing keys: plain JSON', async () => {
    const other = await startRunningGateway({ OAUTH_CLIENTS: JSON.stringify([client]) }, { beside: gateway })
    try {
      const headers = { ...basic(client.id, client.secret), accept: jwtType }
      const reply = await postForm(other, '/oauth/introspect', { token: 'two words' }, headers)
      expect(reply).toMatchObject({ text: '{"active":false}', headers: { 'content-type': 'application/json' } })
    } finally {
      await other.close()
    }
  })

  it('no key signs any more: plain JSON, and an error line for the operator', async () => {
    const retiring = writeKeyFile({ retired_at: START_MS / 1_000 + 60 })
    const settings = { SIGNING_KEYS_FILE: retiring.path, PUBLIC_URL: issuer, OAUTH_CLIENTS: JSON.stringify([client]) }
    const other = await startRunningGateway(settings)
    try {
      other.advance(60_000)
      const headers = { ...basic(client.id, client.secret), accept: jwtType }
      const reply = await postForm(other, '/oauth/introspect', { token: other.issue().accessToken }, headers)
      expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
      expect(jsonOf(reply)).toMatchObject({ active: true, client_id: web.id })
      expect(linesOf(other, 'error')).toMatchObject([{ setting: 'SIGNING_KEYS_FILE' }])
    } finally {
      await other.close()
      retiring.remove()
    }
  })

  it('the envelope as a token: inactive, and LINE never gets it', async () => {
    const { text } = await introspect('two words', jwtType)
    expect(decodeProtectedHeader(text).typ).toBe('token-introspection+jwt')
    gateway.emulator.calls.reset()
    expect(jsonOf(await introspect(text, 'application/json'))).toEqual({ active: false })
    expect(gateway.emulator.calls.total()).toBe(0)
  })
})
