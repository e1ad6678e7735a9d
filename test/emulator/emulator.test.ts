import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.ts'
import { useEmulator } from '../harness/emulator-client.ts'

const { emulator, get, post, send, getWithToken } = useEmulator()

describe('each answer', () => {
  test.each([
    ['a success', () => getWithToken(emulator().issueTokens().accessToken, '/v2/profile')],
    ['a refusal', () => get('/oauth2/v2.1/verify?access_token=x')],
    ['an empty answer', () => post('/oauth2/v2.1/revoke', {})],
    ['an unknown path', () => get('/nowhere')],
    ['a page', () => get('/')],
  ])('%s: has a request ID of 16 hex and headers that forbid storing', async (_, call) => {
    const { headers } = await call()
    expect(headers['x-line-request-id']).toMatch(/^[0-9a-f]{16}$/)
    expect(headers['cache-control']).toBe('max-age=0, no-cache, no-store')
    expect(headers).toMatchObject({
      pragma: 'no-cache',
      'x-content-type-options': 'nosniff',
      'x-xss-protection': '1; mode=block',
      'x-frame-options': 'DENY',
    })
  })

  test('two answers have different request IDs', async () => {
    const [one, two] = [await get('/nowhere'), await get('/nowhere')]
    expect(one.headers['x-line-request-id']).not.toBe(two.headers['x-line-request-id'])
  })

  test('JSON has the content type application/json;charset=UTF-8', async () => {
    const { headers } = await get('/oauth2/v2.1/certs')
    expect(headers['content-type']).toBe('application/json;charset=UTF-8')
  })
})

describe('a request that LINE does not support', () => {
  test('an unknown path: 404', async () => {
    expect((await get('/oauth2/v2.1/introspect')).status).toBe(404)
    expect((await get('/.well-known/oauth-authorization-server')).status).toBe(404)
  })

  test('a wrong method: 405', async () => {
    expect((await get('/oauth2/v2.1/token')).status).toBe(405)
    expect((await send('/v2/profile', { method: 'POST' })).status).toBe(405)
  })

  test('a body of more than 2 MB: 413', async () => {
    expect((await post('/oauth2/v2.1/token', { code: 'x'.repeat(2 * 1024 * 1024) })).status).toBe(413)
  })
})

describe('start and close', () => {
  test('start with a port in use: rejects with EADDRINUSE', async () => {
    const port = Number(new URL(emulator().url).port)
    await expect(startEmulator({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('close while a request hangs: ends the connection', async () => {
    const other = await startEmulator()
    other.faults.set('profile', { hang: true })
    const hanging = request(`${other.url}/v2/profile`).then(
      () => 'answered',
      () => 'not answered',
    )
    await expect.poll(() => other.calls.inFlight(), { timeout: 30_000 }).toBe(1)
    await other.close()
    expect(await hanging).toBe('not answered')
  })

  test('two emulators: users and tokens of one do not affect the other', async () => {
    const other = await startEmulator()
    for (const user of other.users) user.displayName = 'Renamed'
    const first = await getWithToken(emulator().issueTokens().accessToken, '/v2/profile')
    expect(first.body).toMatchObject({ displayName: 'Sakura Tanaka' })
    expect((await get(`/oauth2/v2.1/verify?access_token=${other.issueTokens().accessToken}`)).status).toBe(400)
    await other.close()
  })
})
