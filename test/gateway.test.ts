import { describe, expect, it, vi } from 'vitest'
import { readConfig } from '../src/config.ts'
import { createGateway } from '../src/gateway.ts'
import { type GraphqlRequest, startOperation } from '../src/graphql/engine.ts'
import { createTelemetry } from '../src/telemetry/telemetry.ts'
import {
  callsTo,
  codesOf,
  noSourceLimit,
  type Reply,
  START_MS,
  toReply,
  useRunningGateway,
  useSharedGateway,
  web,
} from './harness/running-gateway.ts'
import { oneChannel, useLayer } from './harness/token-layer.ts'

const viewerQuery = '{ viewer { displayName } }'
const sakura = { viewer: { displayName: 'Sakura Tanaka' } }
const times = <Result>(count: number, make: (n: number) => Result) => Array.from({ length: count }, (_, n) => make(n))

describe('the number of calls to LINE', () => {
  const gateway = useRunningGateway()

  it('200 requests with one token, 100 of them at once: one verification and one profile', async () => {
    const { accessToken } = gateway().issue()
    const replies = await Promise.all(times(100, () => gateway().ask(viewerQuery, { token: accessToken })))
    for (let n = 0; n < 100; n++) replies.push(await gateway().ask(viewerQuery, { token: accessToken }))
    expect(replies.map(({ data }) => data)).toEqual(Array(200).fill(sakura))
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  it('an operation that needs nothing from LINE: no call', async () => {
    const { accessToken } = gateway().issue()
    expect(await gateway().ask('{ __typename }', { token: accessToken })).toMatchObject({
      data: { __typename: 'Query' },
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('70 requests with one refused token, 50 of them at once: one verification', async () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.none.of-lines'
    const replies = await Promise.all(times(50, () => gateway().ask(viewerQuery, { token })))
    for (let n = 0; n < 20; n++) replies.push(await gateway().ask(viewerQuery, { token }))
    expect(new Set(replies.map((reply) => codesOf(reply).join()))).toEqual(new Set(['UNAUTHENTICATED']))
    expect(callsTo(gateway().emulator).verifyAccessToken).toBe(1)
  })
})

describe('an outage of LINE', () => {
  const gateway = useSharedGateway(noSourceLimit)

  it.each([
    ['a closed connection', { close: true }],
    ['a reset connection', { reset: true }],
    ['500', { status: 500, body: 'token' }],
    ['503', { status: 503 }],
    ['an empty answer', { empty: true }],
    ['garbage', { garbage: true }],
    ['half an answer', { truncated: true }],
    ['HTML', { status: 400, body: '<html>invalid_request</html>' }],
    ['404', { status: 404, body: { message: 'Not found' } }],
    ['401', { status: 401, body: { message: 'The access token expired' } }],
    ['an answer that is too large', { huge: true }],
    ['a compressed answer', { gzip: true }],
    ['another 400', { status: 400, body: { error: 'invalid_client' } }],
    ['a string for a number', { body: { scope: 'profile', client_id: web.id, expires_in: '2592000' } }],
    ['a number for a string', { body: { scope: 'profile', client_id: Number(web.id), expires_in: 2592000 } }],
    ['no scope', { body: { client_id: web.id, expires_in: 2592000 } }],
    ['a list', { body: [{ scope: 'profile', client_id: web.id, expires_in: 2592000 }] }],
  ] as const)(
    '%s: a known token works, a new one is LINE_UNAVAILABLE and works two seconds later',
    async (_, fault) => {
      const { emulator, issue, ask, advance } = gateway()
      const { accessToken: warm } = issue()
      expect(await ask(viewerQuery, { token: warm })).toMatchObject({ data: sakura })
      const { accessToken: cold } = issue()
      emulator.faults.set('*', fault)
      const [atCold, atWarm] = await Promise.all([ask(viewerQuery, { token: cold }), ask(viewerQuery, { token: warm })])
      expect(atWarm).toMatchObject({ status: 200, data: sakura, errors: [] })
      expectOutage(atCold)
      emulator.faults.clear()
      advance(2_000)
      expect(await ask(viewerQuery, { token: cold })).toMatchObject({ data: sakura, errors: [] })
    },
  )

  it('429: LINE_RATE_LIMITED, and no call to LINE until the time is over', async () => {
    const { emulator, issue, ask, advance } = gateway()
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '7' } })
    const [first, second] = [
      await ask(viewerQuery, { token: issue().accessToken }),
      await ask(viewerQuery, { token: issue().accessToken }),
    ]
    for (const { errors } of [first, second])
      expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_RATE_LIMITED', retryAfter: 7 })
    expect(callsTo(emulator).verifyAccessToken).toBe(1)
    emulator.faults.clear()
    advance(7_000)
    expect(await ask(viewerQuery, { token: issue().accessToken })).toMatchObject({ data: sakura })
  })

  it('an answer with a request ID: `lineRequestId` is in the error and in the log', async () => {
    const { emulator, issue, ask, log } = gateway()
    emulator.faults.set('verifyAccessToken', { status: 500, headers: { 'x-line-request-id': 'b1c2-d3e4' } })
    const { errors } = await ask(viewerQuery, { token: issue().accessToken })
    expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_UNAVAILABLE', lineRequestId: 'b1c2-d3e4' })
    expect(log()).toContain('"lineRequestId":"b1c2-d3e4"')
  })

  it('one field without an answer: the other fields have their values', async () => {
    const { emulator, issue, ask } = gateway()
    const { accessToken } = issue()
    emulator.faults.set('friendship', { status: 500 })
    const { data, errors } = await ask('{ viewer { displayName isFriend } __typename }', { token: accessToken })
    expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka', isFriend: null }, __typename: 'Query' })
    expect(errors).toMatchObject([{ path: ['viewer', 'isFriend'], extensions: { code: 'LINE_UNAVAILABLE' } }])
  })
})

describe('an answer of LINE that never ends', () => {
  // One second is short for a loaded machine, so the requests that LINE answers are tried until they succeed.
  const gateway = useSharedGateway({ LINE_TIMEOUT_MS: '1000', ...noSourceLimit })
  const expectAnswer = (token: string) =>
    expect.poll(async () => (await gateway().ask(viewerQuery, { token })).data, { timeout: 30_000 }).toEqual(sakura)

  it.each([
    ['no answer', { hang: true }],
    ['one byte every 100 ms', { drip: true }],
  ] as const)(
    '%s: a known token works, a new one is LINE_UNAVAILABLE and works two seconds later',
    async (_, fault) => {
      const { emulator, issue, ask, advance } = gateway()
      const { accessToken: warm } = issue()
      await expectAnswer(warm)
      const { accessToken: cold } = issue()
      emulator.faults.set('*', fault)
      const [atCold, atWarm] = await Promise.all([ask(viewerQuery, { token: cold }), ask(viewerQuery, { token: warm })])
      expect(atWarm).toMatchObject({ status: 200, data: sakura, errors: [] })
      expectOutage(atCold)
      emulator.faults.clear()
      advance(2_000)
      await expectAnswer(cold)
    },
  )
})

function expectOutage(reply: Reply): void {
  expect(reply).toMatchObject({
    status: 200,
    data: { viewer: null },
    errors: [{ path: ['viewer'], extensions: { code: 'LINE_UNAVAILABLE' } }],
  })
  expect(reply.errors[0]?.extensions.retryAfter).toBeGreaterThan(0)
}

describe('a client address that sends invalid tokens', () => {
  const gateway = useRunningGateway({
    FAILED_TOKENS_BURST: '5',
    // So few that none comes back during the test. The window of the limit runs in real time.
    FAILED_TOKENS_PER_SECOND: '0.001',
    TRUSTED_PROXIES: '127.0.0.1',
  })
  const from = (address: string) => ({ 'x-forwarded-for': address })

  it('RATE_LIMITED with `retryAfter` and a header; known tokens and other addresses are not limited', async () => {
    const { issue, ask, emulator } = gateway()
    const { accessToken: warm } = issue()
    await ask(viewerQuery, { token: warm, headers: from('192.0.2.1') })
    const replies = []
    for (let n = 0; n < 12; n++)
      replies.push(await ask(viewerQuery, { token: `junk.${n}.x`, headers: from('192.0.2.1') }))
    const last = replies.at(-1)
    expect(replies.filter((reply) => codesOf(reply)[0] === 'UNAUTHENTICATED')).toHaveLength(5)
    expect(last).toMatchObject({
      status: 200,
      data: { viewer: null },
      errors: [{ extensions: { code: 'RATE_LIMITED' } }],
    })
    expect(Number(last?.headers['retry-after'])).toBe(last?.errors[0]?.extensions.retryAfter)
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0)
    expect(callsTo(emulator).verifyAccessToken).toBe(6)

    expect(await ask(viewerQuery, { token: warm, headers: from('192.0.2.1') })).toMatchObject({ data: sakura })
    expect(await ask(viewerQuery, { token: issue().accessToken, headers: from('192.0.2.2') })).toMatchObject({
      data: sakura,
    })
    const mutation = 'mutation { refreshToken(input: { refreshToken: "junk" }) { tokenType } }'
    expect(codesOf(await ask(mutation, { headers: from('192.0.2.1') }))).toEqual(['RATE_LIMITED'])
  })
})

describe('the age of a token', () => {
  const gateway = useRunningGateway()

  it('a token that expires: EXPIRED from that millisecond on', async () => {
    const { issue, ask, advance } = gateway()
    const { accessToken } = issue({ expiresIn: 60 })
    expect(await ask(viewerQuery, { token: accessToken })).toMatchObject({ data: sakura })
    advance(59_999)
    expect(await ask(viewerQuery, { token: accessToken })).toMatchObject({ data: sakura })
    advance(1)
    expect((await ask(viewerQuery, { token: accessToken })).errors[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'EXPIRED',
    })
  })

  it('a token that LINE revoked without notice: REVOKED once its record is an hour old', async () => {
    const { issue, ask, advance, emulator } = gateway()
    const { accessToken } = issue()
    await ask(viewerQuery, { token: accessToken })
    emulator.revokeAccessToken(accessToken)
    expect(await ask(viewerQuery, { token: accessToken })).toMatchObject({ data: sakura })
    advance(3_600_000)
    expect((await ask(viewerQuery, { token: accessToken })).errors[0]?.extensions).toMatchObject({ reason: 'REVOKED' })
  })
})

it('an unexpected error: masked and logged, and the other fields are answered', async () => {
  let log = ''
  const config = readConfig({ LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret, HOST: '127.0.0.1', PORT: '0' })
  const telemetry = createTelemetry({ logLevel: 'info', destination: { write: (line) => (log += line) } })
  let isBroken = false
  const now = () => {
    if (!isBroken) return START_MS
    throw new TypeError('the clock is broken with eyJhbGciOiJIUzI1NiJ9.secret')
  }
  const gateway = await createGateway(config, { telemetry, now })
  isBroken = true
  try {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
      body: JSON.stringify({ query: '{ viewer { id } __typename }' }),
    }
    const response = await fetch(`${gateway.url}/graphql`, init)
    const reply = toReply(response.status, {}, await response.text())
    expect(reply).toMatchObject({ status: 200, data: { viewer: null, __typename: 'Query' } })
    expect(reply.errors).toMatchObject([
      { message: 'Something went wrong on our side', extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    ])
    expect(reply.text).not.toMatch(/clock|secret|stack/)
    expect(log).toMatch(/"unexpected error"/)
    expect(log).toContain('the clock is broken')
    expect(log).not.toContain('secret')
  } finally {
    await gateway.close()
  }
})

describe('the deadline of an operation', () => {
  const layer = useLayer({ ...oneChannel, LINE_TIMEOUT_MS: '2500' })

  it('is LINE_TIMEOUT_MS and one second after its start (D21)', () => {
    const bearer = 'MISSING'
    const request = {
      method: 'POST',
      params: { query: '' },
      mediaType: 'application/json',
      bearer,
      clientAddress: '::1',
    }
    const unexpected = () => {}
    const { context } = startOperation(request as GraphqlRequest, layer(), { startedAt: 1_000, unexpected })
    expect(context.deadline).toBe(1_000 + 2_500 + 1_000)
  })
})

it('a drain that fails: the rest is closed all the same', async () => {
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    LINE_CHANNEL_ID: web.id,
    LINE_CHANNEL_SECRET: web.secret,
    SHUTDOWN_DELAY_SECONDS: '0',
  })
  const flush = vi.fn()
  const gateway = await createGateway(config, {
    telemetry: { ...createTelemetry({ logLevel: 'silent' }), flush },
    listener: { open: async () => 'a listener', stop: () => Promise.reject(new TypeError('a bug')) },
  })
  await expect(gateway.close()).rejects.toThrow('a bug')
  expect(flush).toHaveBeenCalledOnce()
})
