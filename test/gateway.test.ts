import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { createGateway } from '../src/gateway.ts'
import { createTelemetry } from '../src/telemetry/telemetry.ts'
import {
  callsTo,
  codesOf,
  noSourceLimit,
  toReply,
  useRunningGateway,
  useSharedGateway,
  web,
} from './harness/running-gateway.ts'

const whoIs = '{ viewer { displayName } }'
const sakura = { viewer: { displayName: 'Sakura Tanaka' } }
const times = <Result>(count: number, make: (n: number) => Result) => Array.from({ length: count }, (_, n) => make(n))

describe('LINE is spared', () => {
  const gateway = useRunningGateway()

  it('one verification and one profile, however many use a token and however often', async () => {
    const { accessToken } = gateway().issue()
    const replies = await Promise.all(times(100, () => gateway().ask(whoIs, { token: accessToken })))
    for (let n = 0; n < 100; n++) replies.push(await gateway().ask(whoIs, { token: accessToken }))
    expect(replies.map(({ data }) => data)).toEqual(Array(200).fill(sakura))
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  it('nothing is asked where nothing needs it', async () => {
    const { accessToken } = gateway().issue()
    expect(await gateway().ask('{ __typename }', { token: accessToken })).toMatchObject({
      data: { __typename: 'Query' },
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('a token used by many at once and refused by LINE is asked about once, and not again for a while', async () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.none.of-lines'
    const replies = await Promise.all(times(50, () => gateway().ask(whoIs, { token })))
    for (let n = 0; n < 20; n++) replies.push(await gateway().ask(whoIs, { token }))
    expect(new Set(replies.map((reply) => codesOf(reply).join()))).toEqual(new Set(['UNAUTHENTICATED']))
    expect(callsTo(gateway().emulator).verifyAccessToken).toBe(1)
  })
})

describe('when LINE is in trouble', () => {
  const gateway = useSharedGateway({ LINE_TIMEOUT_MS: '2000', ...noSourceLimit })

  it.each([
    ['is gone', { close: true }],
    ['resets', { reset: true }],
    ['hangs', { hang: true }],
    ['drips', { drip: true }],
    ['answers 500', { status: 500, body: 'token' }],
    ['answers 503', { status: 503 }],
    ['answers nothing', { empty: true }],
    ['answers garbage', { garbage: true }],
    ['answers half', { truncated: true }],
    ['answers HTML', { status: 400, body: '<html>invalid_request</html>' }],
    ['answers 404', { status: 404, body: { message: 'Not found' } }],
    ['answers 401', { status: 401, body: { message: 'The access token expired' } }],
    ['answers too much', { huge: true }],
    ['answers compressed', { gzip: true }],
    ['answers another 400', { status: 400, body: { error: 'invalid_client' } }],
    ['answers texts for numbers', { body: { scope: 'profile', client_id: web.id, expires_in: '2592000' } }],
    ['answers numbers for texts', { body: { scope: 'profile', client_id: Number(web.id), expires_in: 2592000 } }],
    ['forgets the scope', { body: { client_id: web.id, expires_in: 2592000 } }],
    ['answers a list', { body: [{ scope: 'profile', client_id: web.id, expires_in: 2592000 }] }],
  ] as const)('%s: nobody is logged out, and all is well again when LINE is', async (_, fault) => {
    const { emulator, issue, ask } = gateway()
    const { accessToken: warm } = issue()
    expect(await ask(whoIs, { token: warm })).toMatchObject({ data: sakura })
    const { accessToken: cold } = issue()
    emulator.faults.set('*', fault)
    const [atCold, atWarm] = await Promise.all([ask(whoIs, { token: cold }), ask(whoIs, { token: warm })])
    expect(atWarm).toMatchObject({ status: 200, data: sakura, errors: [] })
    expect(atCold).toMatchObject({
      status: 200,
      data: { viewer: null },
      errors: [{ path: ['viewer'], extensions: { code: 'LINE_UNAVAILABLE' } }],
    })
    expect(atCold.errors[0]?.extensions.retryAfter).toBeGreaterThan(0)
    emulator.faults.clear()
    expect(await ask(whoIs, { token: cold })).toMatchObject({ data: sakura, errors: [] })
  })

  it('a 429 is handed on as such, and obeyed', async () => {
    const { emulator, issue, ask, advance } = gateway()
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '7' } })
    const [first, second] = [
      await ask(whoIs, { token: issue().accessToken }),
      await ask(whoIs, { token: issue().accessToken }),
    ]
    for (const { errors } of [first, second])
      expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_RATE_LIMITED', retryAfter: 7 })
    expect(callsTo(emulator).verifyAccessToken).toBe(1)
    emulator.faults.clear()
    advance(7_000)
    expect(await ask(whoIs, { token: issue().accessToken })).toMatchObject({ data: sakura })
  })

  it("LINE's request id is handed on where its answer had one", async () => {
    const { emulator, issue, ask, log } = gateway()
    emulator.faults.set('verifyAccessToken', { status: 500, headers: { 'x-line-request-id': 'b1c2-d3e4' } })
    const { errors } = await ask(whoIs, { token: issue().accessToken })
    expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_UNAVAILABLE', lineRequestId: 'b1c2-d3e4' })
    expect(log()).toContain('"lineRequestId":"b1c2-d3e4"')
  })

  it('what one field could not be told leaves the others alone', async () => {
    const { emulator, issue, ask } = gateway()
    const { accessToken } = issue()
    emulator.faults.set('friendship', { status: 500 })
    const { data, errors } = await ask('{ viewer { displayName isFriend } __typename }', { token: accessToken })
    expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka', isFriend: null }, __typename: 'Query' })
    expect(errors).toMatchObject([{ path: ['viewer', 'isFriend'], extensions: { code: 'LINE_UNAVAILABLE' } }])
  })
})

describe('a source of junk', () => {
  const gateway = useRunningGateway({
    FAILED_TOKENS_BURST: '5',
    FAILED_TOKENS_PER_SECOND: '0.1',
    TRUSTED_PROXIES: '127.0.0.1',
  })
  const from = (address: string) => ({ 'x-forwarded-for': address })

  it('is told to wait, in the answer and in a header, while nobody else is', async () => {
    const { issue, ask, emulator } = gateway()
    const { accessToken: warm } = issue()
    await ask(whoIs, { token: warm, headers: from('192.0.2.1') })
    const replies = []
    for (let n = 0; n < 12; n++) replies.push(await ask(whoIs, { token: `junk.${n}.x`, headers: from('192.0.2.1') }))
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

    expect(await ask(whoIs, { token: warm, headers: from('192.0.2.1') })).toMatchObject({ data: sakura })
    expect(await ask(whoIs, { token: issue().accessToken, headers: from('192.0.2.2') })).toMatchObject({ data: sakura })
    const mutation = 'mutation { refreshToken(input: { refreshToken: "junk" }) { tokenType } }'
    expect(codesOf(await ask(mutation, { headers: from('192.0.2.1') }))).toEqual(['RATE_LIMITED'])
  })
})

describe('time', () => {
  const gateway = useRunningGateway()

  it('a token is not served from the instant it expires', async () => {
    const { issue, ask, advance } = gateway()
    const { accessToken } = issue({ expiresIn: 60 })
    expect(await ask(whoIs, { token: accessToken })).toMatchObject({ data: sakura })
    advance(59_999)
    expect(await ask(whoIs, { token: accessToken })).toMatchObject({ data: sakura })
    advance(1)
    expect((await ask(whoIs, { token: accessToken })).errors[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'EXPIRED',
    })
  })

  it('a token LINE killed behind our back is refused before anybody is answered, once it is an hour old here', async () => {
    const { issue, ask, advance, emulator } = gateway()
    const { accessToken } = issue()
    await ask(whoIs, { token: accessToken })
    emulator.revokeAccessToken(accessToken)
    expect(await ask(whoIs, { token: accessToken })).toMatchObject({ data: sakura })
    advance(3_600_000)
    expect((await ask(whoIs, { token: accessToken })).errors[0]?.extensions).toMatchObject({ reason: 'REVOKED' })
  })
})

it('what nobody expected is masked, logged, and the end of nothing', async () => {
  let log = ''
  const config = readConfig({ LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret, HOST: '127.0.0.1', PORT: '0' })
  const telemetry = createTelemetry({ logLevel: 'info', destination: { write: (line) => (log += line) } })
  const now = () => {
    throw new TypeError('the clock fell off the wall with eyJhbGciOiJIUzI1NiJ9.secret')
  }
  const gateway = await createGateway(config, { telemetry, now })
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
    expect(log).toContain('the clock fell off the wall')
    expect(log).not.toContain('secret')
  } finally {
    await gateway.close()
  }
})
