import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../../src/emulator/emulator.ts'
import { credentials, useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, post, bearing } = useEmulator()
const PATH = '/v2/profile'

describe('answers in the place of LINE', () => {
  test('a status, with body and headers', async () => {
    broken({ status: 429, body: { message: 'slow down' }, headers: { 'retry-after': '3' } })
    const { status, headers, body } = await ask()
    expect({ status, body, after: headers['retry-after'] }).toEqual({
      status: 429,
      body: { message: 'slow down' },
      after: '3',
    })
    expect(headers['x-line-request-id']).toMatch(/^[0-9a-f]{16}$/)
  })

  test('a status alone has no body and no Retry-After', async () => {
    broken({ status: 429 })
    const { headers, text } = await ask()
    expect([headers['retry-after'], text]).toEqual([undefined, ''])
  })

  test('HTML, and a redirect', async () => {
    broken({ status: 400, body: '<html>Bad Request</html>', headers: { 'content-type': 'text/html' } })
    expect(await ask()).toMatchObject({
      status: 400,
      text: '<html>Bad Request</html>',
      headers: { 'content-type': 'text/html' },
    })
    broken({ status: 302, headers: { location: 'https://evil.example/' } })
    expect(await ask()).toMatchObject({ status: 302, headers: { location: 'https://evil.example/' } })
  })

  test('any JSON with status 200', async () => {
    broken({ body: { userId: 7 } })
    expect(await ask()).toMatchObject({ status: 200, body: { userId: 7 } })
    broken({ body: null })
    expect((await ask()).text).toBe('null')
  })

  test('garbage and nothing', async () => {
    broken({ garbage: true })
    expect(await ask()).toMatchObject({ status: 200, body: undefined })
    broken({ empty: true })
    expect(await ask()).toMatchObject({ status: 200, text: '' })
  })

  test('the call has no effect', async () => {
    const { accessToken } = emulator().issueTokens()
    emulator().faults.set('revoke', { status: 500 })
    expect((await post('/oauth2/v2.1/revoke', { access_token: accessToken, ...credentials })).status).toBe(500)
    expect((await bearing(accessToken, PATH)).status).toBe(200)
  })
})

describe('connections that break', () => {
  test('reset', async () => {
    broken({ reset: true })
    expect(await ending()).toBe('ECONNRESET')
  })

  test('closed without an answer', async () => {
    broken({ close: true })
    expect(await ending()).toBe('')
  })

  test('truncated: the length promises more than comes', async () => {
    broken({ truncated: true })
    const { 'content-length': promised, text } = await rawAnswer()
    expect(text.length).toBeGreaterThan(0)
    expect(text.length).toBeLessThan(Number(promised))
    await expect(ask()).rejects.toThrow()
    emulator().faults.set('revoke', { truncated: true })
    await expect(post('/oauth2/v2.1/revoke', { access_token: 'x', ...credentials })).rejects.toThrow()
  })

  test('a header that HTTP cannot carry ends the connection, not the emulator', async () => {
    broken({ status: 500, headers: { 'x-bad': 'a\nb' } })
    await expect(ask()).rejects.toThrow()
    expect((await get('/oauth2/v2.1/certs')).status).toBe(200)
  })

  test('hang: taken and never answered', async () => {
    broken({ hang: true })
    const answer = request(`${emulator().url}${PATH}`, { headersTimeout: 100, signal: AbortSignal.timeout(150) })
    await expect(answer).rejects.toThrow()
    expect(emulator().calls.of('profile')).toBe(1)
    await expect.poll(() => emulator().calls.inFlight()).toBe(0)
    expect(emulator().calls.recent()).toMatchObject([{ endpoint: 'profile', status: null }])
  })

  test('commitThenReset: the refresh happened, the answer is lost', async () => {
    emulator().switches.refreshToken = 'rotate'
    emulator().faults.set('token', { commitThenReset: true, times: 1 })
    const { refreshToken = '' } = emulator().issueTokens()
    const refresh = () =>
      post('/oauth2/v2.1/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials })
    await expect(refresh()).rejects.toThrow()
    expect((await refresh()).body).toMatchObject({ error: 'invalid_grant' })
  })
})

describe('true answers, badly delivered', () => {
  test('late', async () => {
    broken({ latencyMs: 60 })
    const start = performance.now()
    expect(await ask()).toMatchObject({ status: 200, body: { displayName: 'Sakura Tanaka' } })
    expect(performance.now() - start).toBeGreaterThan(50)
  })

  test('late means judged on arrival: what happens meanwhile comes too late', async () => {
    const { accessToken } = emulator().issueTokens()
    emulator().faults.set('verifyAccessToken', { latencyMs: 60 })
    const verified = get(`/oauth2/v2.1/verify?access_token=${accessToken}`)
    await expect.poll(() => emulator().calls.inFlight(), { interval: 2 }).toBe(1)
    emulator().revokeAccessToken(accessToken)
    expect((await verified).status).toBe(200)
  })

  test('late and wrong', async () => {
    broken({ latencyMs: 60, status: 503 })
    const start = performance.now()
    expect((await ask()).status).toBe(503)
    expect(performance.now() - start).toBeGreaterThan(50)
  })

  test('huge', async () => {
    broken({ huge: true })
    const { text, body } = await ask()
    expect(text.length).toBeGreaterThan(8_000_000)
    expect(body).toMatchObject({ displayName: 'Sakura Tanaka' })
    broken({ huge: 1 })
    expect((await ask()).text.length).toBeLessThan(1_100_000)
  })

  test('compressed, though nobody asked', async () => {
    broken({ gzip: true })
    const { headers, bytes } = await rawBytes()
    expect(headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ displayName: 'Sakura Tanaka' })
    broken({ gzip: 'bomb' })
    const bomb = await rawBytes()
    expect(bomb.bytes.length).toBeLessThan(100_000)
    expect(gunzipSync(bomb.bytes).length).toBeGreaterThan(32_000_000)
  })

  test('drip: a byte at a time', async () => {
    emulator().faults.set('friendship', { drip: true })
    const { accessToken } = emulator().issueTokens()
    const { body } = await request(`${emulator().url}/friendship/v1/status`, {
      headers: { authorization: `Bearer ${accessToken}` },
    })
    const sizes: number[] = []
    for await (const chunk of body) sizes.push(chunk.length)
    expect(sizes.length).toBeGreaterThan(10)
  })
})

describe('which calls are struck', () => {
  test('only the next n', async () => {
    broken({ status: 500, times: 2 })
    const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status)
    expect(statuses).toEqual([500, 500, 200])
  })

  test('all endpoints with *, save those with a fault of their own; clear takes one or all away', async () => {
    const { faults } = emulator()
    faults.set('*', { status: 500 })
    faults.set('profile', { status: 503 })
    expect([(await ask()).status, (await get('/oauth2/v2.1/certs')).status]).toEqual([503, 500])
    faults.clear('profile')
    expect((await ask()).status).toBe(500)
    faults.clear()
    expect((await ask()).status).toBe(200)
  })
})

test('a fault that makes no sense is a mistake of the caller', () => {
  const set = (fault: object) => () => emulator().faults.set('profile', fault)
  expect(set({ status: 99 })).toThrow('status')
  expect(set({ hang: true, reset: true })).toThrow('do not go together')
  expect(set({ hangs: true })).toThrow('there is no "hangs"')
  expect(set({ times: 0, reset: true })).toThrow('times')
  expect(set({ latencyMs: -1 })).toThrow('latencyMs')
})

function broken(fault: Fault): void {
  emulator().faults.set('profile', fault)
}

function ask() {
  return bearing(emulator().issueTokens().accessToken, PATH)
}

async function rawBytes() {
  const { accessToken } = emulator().issueTokens()
  const { headers, body } = await request(`${emulator().url}${PATH}`, {
    headers: { authorization: `Bearer ${accessToken}` },
  })
  return { headers, bytes: Buffer.from(await body.arrayBuffer()) }
}

/** What a plain socket reads until the end, and how it ends: an error code, or nothing for a FIN. */
function overSocket(): Promise<{ text: string; code: string }> {
  const { hostname, port } = new URL(emulator().url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${emulator().issueTokens().accessToken}\r\n\r\n`,
  )
  return new Promise((resolve) => {
    let [text, code] = ['', '']
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', (error) => (code = 'code' in error ? String(error.code) : error.message))
    socket.on('close', () => resolve({ text, code }))
  })
}

async function ending(): Promise<string> {
  return (await overSocket()).code
}

async function rawAnswer() {
  const [head = '', text = ''] = (await overSocket()).text.split('\r\n\r\n')
  return { 'content-length': /content-length: (\d+)/i.exec(head)?.[1], text }
}
