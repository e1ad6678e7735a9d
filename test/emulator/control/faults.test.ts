import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../../src/emulator/emulator.ts'
import { credentials, useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, post, getWithToken, send } = useEmulator()
const PATH = '/v2/profile'
const longWait = { timeout: 30_000 }

describe('a fault that replaces the answer', () => {
  test('status, body and headers: sent as they are', async () => {
    setFault({ status: 429, body: { message: 'too many requests' }, headers: { 'retry-after': '3' } })
    const { status, headers, body } = await getProfile()
    expect({ status, body, retryAfter: headers['retry-after'] }).toEqual({
      status: 429,
      body: { message: 'too many requests' },
      retryAfter: '3',
    })
    expect(headers['x-line-request-id']).toMatch(/^[0-9a-f]{16}$/)
  })

  test('status alone: no body and no Retry-After', async () => {
    setFault({ status: 429 })
    const { headers, text } = await getProfile()
    expect([headers['retry-after'], text]).toEqual([undefined, ''])
  })

  test('status with HTML, status with a redirect', async () => {
    setFault({ status: 400, body: '<html>Bad Request</html>', headers: { 'content-type': 'text/html' } })
    expect(await getProfile()).toMatchObject({
      status: 400,
      text: '<html>Bad Request</html>',
      headers: { 'content-type': 'text/html' },
    })
    setFault({ status: 302, headers: { location: 'https://evil.example/' } })
    expect(await getProfile()).toMatchObject({ status: 302, headers: { location: 'https://evil.example/' } })
  })

  test('body alone: this JSON with status 200', async () => {
    setFault({ body: { userId: 7 } })
    expect(await getProfile()).toMatchObject({ status: 200, body: { userId: 7 } })
    setFault({ body: null })
    expect((await getProfile()).text).toBe('null')
  })

  test('garbage: 200 without JSON; empty: 200 without a body', async () => {
    setFault({ garbage: true })
    expect(await getProfile()).toMatchObject({ status: 200, body: undefined })
    setFault({ empty: true })
    expect(await getProfile()).toMatchObject({ status: 200, text: '' })
  })

  test('a call with a status fault: no effect at LINE', async () => {
    const { accessToken } = emulator().issueTokens()
    emulator().faults.set('revoke', { status: 500 })
    expect((await post('/oauth2/v2.1/revoke', { access_token: accessToken, ...credentials })).status).toBe(500)
    expect((await getWithToken(accessToken, PATH)).status).toBe(200)
  })
})

describe('a fault that breaks the connection', () => {
  test('reset: ECONNRESET', async () => {
    setFault({ reset: true })
    expect(await errorCode()).toBe('ECONNRESET')
  })

  test('close: the connection ends without an error', async () => {
    setFault({ close: true })
    expect(await errorCode()).toBe('')
  })

  test('truncated: the body is shorter than Content-Length', async () => {
    setFault({ truncated: true })
    const { contentLength, text } = await rawAnswer()
    expect(text.length).toBeGreaterThan(0)
    expect(text.length).toBeLessThan(Number(contentLength))
    await expect(getProfile()).rejects.toThrow()
    emulator().faults.set('revoke', { truncated: true })
    await expect(post('/oauth2/v2.1/revoke', { access_token: 'x', ...credentials })).rejects.toThrow()
  })

  test('hang: no answer, although a later call is answered', async () => {
    const { calls } = emulator()
    const client = new AbortController()
    setFault({ hang: true, times: 1 })
    const refused = expect(send(PATH, { signal: client.signal })).rejects.toThrow()
    await expect.poll(() => calls.inFlight(), longWait).toBe(1)
    expect((await getProfile()).status).toBe(200)
    expect(calls.inFlight()).toBe(1)
    client.abort()
    await refused
    await expect.poll(() => calls.inFlight(), longWait).toBe(0)
    expect(calls.recent()).toMatchObject([{ status: 200 }, { endpoint: 'profile', status: null }])
  })

  test('commitThenReset: the refresh has its effect, but no answer comes', async () => {
    emulator().switches.refreshToken = 'rotate'
    emulator().faults.set('token', { commitThenReset: true, times: 1 })
    const { refreshToken = '' } = emulator().issueTokens()
    const refresh = () =>
      post('/oauth2/v2.1/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials })
    await expect(refresh()).rejects.toThrow()
    expect((await refresh()).body).toMatchObject({ error: 'invalid_grant' })
  })
})

describe('a fault that changes how the real answer is sent', () => {
  test('latencyMs: the answer is late', async () => {
    setFault({ latencyMs: 60 })
    const start = performance.now()
    expect(await getProfile()).toMatchObject({ status: 200, body: { displayName: 'Sakura Tanaka' } })
    expect(performance.now() - start).toBeGreaterThan(50)
  })

  test('latencyMs: the call is processed when it arrives', async () => {
    const { accessToken } = emulator().issueTokens()
    emulator().faults.set('verifyAccessToken', { latencyMs: 60 })
    const verified = get(`/oauth2/v2.1/verify?access_token=${accessToken}`)
    await expect.poll(() => emulator().calls.of('verifyAccessToken'), { ...longWait, interval: 2 }).toBe(1)
    emulator().revokeAccessToken(accessToken)
    expect((await verified).status).toBe(200)
  })

  test('latencyMs with a status: late, with this status', async () => {
    setFault({ latencyMs: 60, status: 503 })
    const start = performance.now()
    expect((await getProfile()).status).toBe(503)
    expect(performance.now() - start).toBeGreaterThan(50)
  })

  test('huge: 8 MB more, or the given number of MB', async () => {
    setFault({ huge: true })
    const { text, body } = await getProfile()
    expect(text.length).toBeGreaterThan(8_000_000)
    expect(body).toMatchObject({ displayName: 'Sakura Tanaka' })
    setFault({ huge: 1 })
    expect((await getProfile()).text.length).toBeLessThan(1_100_000)
  })

  test('gzip: compressed without Accept-Encoding; bomb: unpacks to more than 32 MB', async () => {
    setFault({ gzip: true })
    const { headers, bytes } = await rawBytes()
    expect(headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ displayName: 'Sakura Tanaka' })
    setFault({ gzip: 'bomb' })
    const bomb = await rawBytes()
    expect(bomb.bytes.length).toBeLessThan(100_000)
    const text = gunzipSync(bomb.bytes).toString()
    expect(text.length).toBeGreaterThan(32_000_000)
    expect(JSON.parse(text)).toMatchObject({ displayName: 'Sakura Tanaka' })
  })

  test('drip: one byte every 100 ms', async () => {
    emulator().faults.set('friendship', { drip: true })
    const { accessToken } = emulator().issueTokens()
    const start = performance.now()
    const { body } = await request(`${emulator().url}/friendship/v1/status`, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    expect(JSON.parse(text)).toEqual({ friendFlag: true })
    expect(chunks.length).toBeGreaterThan(1)
    // A timer can fire a little early, but never 10 ms.
    expect(performance.now() - start).toBeGreaterThan(text.length * 90)
  })
})

describe('the calls that get a fault', () => {
  test('with times: only this number of calls', async () => {
    setFault({ status: 500, times: 2 })
    const statuses = [await getProfile(), await getProfile(), await getProfile()].map(({ status }) => status)
    expect(statuses).toEqual([500, 500, 200])
  })

  test('with `*`: all endpoints without a fault of their own; clear removes one fault or all', async () => {
    const { faults } = emulator()
    faults.set('*', { status: 500 })
    faults.set('profile', { status: 503 })
    expect([(await getProfile()).status, (await get('/oauth2/v2.1/certs')).status]).toEqual([503, 500])
    faults.clear('profile')
    expect((await getProfile()).status).toBe(500)
    faults.clear()
    expect((await getProfile()).status).toBe(200)
  })
})

test('a wrong fault: throws', () => {
  const set = (fault: object) => () => emulator().faults.set('profile', fault)
  expect(set({ status: 99 })).toThrow('status')
  expect(set({ hang: true, reset: true })).toThrow('cannot be combined')
  expect(set({ hangs: true })).toThrow('unknown member: expected hang')
  expect(set({ times: 0, reset: true })).toThrow('times')
  expect(set({ latencyMs: -1 })).toThrow('latencyMs')
})

function setFault(fault: Fault): void {
  emulator().faults.set('profile', fault)
}

function getProfile() {
  return getWithToken(emulator().issueTokens().accessToken, PATH)
}

async function rawBytes() {
  const { accessToken } = emulator().issueTokens()
  const { headers, body } = await request(`${emulator().url}${PATH}`, {
    headers: { authorization: `Bearer ${accessToken}` },
  })
  return { headers, bytes: Buffer.from(await body.arrayBuffer()) }
}

/** Reads with a plain socket until the end. `code` is the error code, empty for a FIN. */
function readSocket(): Promise<{ text: string; code: string }> {
  const { hostname, port } = new URL(emulator().url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${emulator().issueTokens().accessToken}\r\n\r\n`,
  )
  return new Promise((resolve) => {
    let [text, code] = ['', '']
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', (error) => (code = 'code' in error ? String(error.code) : error.message))
    socket.on('close', () => resolve({ text, code }))
  })
}

async function errorCode(): Promise<string> {
  return (await readSocket()).code
}

async function rawAnswer() {
  const [head = '', text = ''] = (await readSocket()).text.split('\r\n\r\n')
  return { contentLength: /content-length: (\d+)/i.exec(head)?.[1], text }
}
