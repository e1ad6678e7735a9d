import { describe, expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, send } = useEmulator()

const asks = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' }

describe.each([
  'http://localhost:5173',
  'https://localhost',
  'http://app.localhost:3000',
  'http://127.0.0.1:4000',
  'http://[::1]:4000',
])('the page of this machine %s', (origin) => {
  test('a control endpoint: its answer can be read there', async () => {
    const { status, headers } = await get('/emulator/calls', { origin })
    expect([status, headers['access-control-allow-origin'], headers.vary]).toEqual([200, origin, 'origin'])
    expect(headers['access-control-expose-headers']).toBe('x-line-request-id')
  })

  test('a preflight: 204 with the methods of the control endpoints, and content-type', async () => {
    const { status, headers } = await send('/emulator/faults', { method: 'OPTIONS', headers: { origin, ...asks } })
    expect([status, headers['access-control-allow-origin']]).toEqual([204, origin])
    expect(headers).toMatchObject({
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'content-type',
    })
  })
})

describe.each([
  'https://evil.example',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example:4001',
  'null',
  'file://localhost',
])('the foreign page %s', (origin) => {
  test('a control endpoint: 403, and nothing has changed', async () => {
    const body = '{"hang":true}'
    const { status, headers } = await send('/emulator/faults/*', { method: 'PUT', headers: { origin }, body })
    expect([status, headers['access-control-allow-origin']]).toEqual([403, undefined])
    expect((await get('/emulator/faults')).body).toEqual({})
  })

  test('a preflight: 403', async () => {
    const { status } = await send('/emulator/faults', { method: 'OPTIONS', headers: { origin, ...asks } })
    expect(status).toBe(403)
  })
})

test('an endpoint of LINE: no CORS headers, as LINE has none', async () => {
  const { accessToken } = emulator().issueTokens()
  const headers = { authorization: `Bearer ${accessToken}`, origin: 'http://localhost:5173' }
  const answer = await get('/v2/profile', headers)
  expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, undefined])
})
