import { request } from 'undici'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLiveNumbers, type LiveNumbers } from '../../src/dev/live-numbers.ts'
import { demoUsers } from '../../src/emulator/emulator.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { type System, startSystem } from '../harness/browser-system.ts'

let system: System

beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system.close())

const whoAmI = '{ viewer { displayName } }'
const refresh = 'mutation { refreshToken(input: { refreshToken: "wrong" }) { accessToken } }'

async function read(): Promise<LiveNumbers> {
  return (await (await fetch(`${system.gateway.url}/dev/numbers`)).json()) as LiveNumbers
}

it('the numbers: questions, calls to LINE, memory and breakers, without tokens, user IDs and names', async () => {
  const { accessToken } = system.emulator.issueTokens()
  expect(await read()).toEqual({
    questions: 0,
    schemaReads: 0,
    lineCalls: 0,
    lookUps: { memory: 0, shared: 0 },
    breakers: [],
    events: [],
  })
  await system.ask(whoAmI, {}, accessToken)
  for (let asked = 0; asked < 3; asked++) await system.ask(whoAmI, {}, accessToken)
  await system.ask('{ __schema { queryType { name } } }')
  await system.ask(refresh)

  const { events, breakers, ...counts } = await read()
  expect(counts).toEqual({ questions: 5, schemaReads: 1, lineCalls: 3, lookUps: { memory: 3, shared: 0 } })
  expect(breakers.map(({ endpoint, state }) => `${endpoint} ${state}`).sort()).toEqual([
    'profile closed',
    'token closed',
    'verify closed',
  ])
  expect(events.map(({ text, times }) => `${text.replace(/ in \d+ ms/, '')} ${times}`)).toEqual([
    'refreshToken: the refresh token or code is refused 1',
    'LINE token: refused (400) 1',
    'viewer: answered from memory 3',
    'viewer: answered 1',
    expect.stringMatching(/^LINE (verify|profile): answered 1$/),
    expect.stringMatching(/^LINE (verify|profile): answered 1$/),
  ])
  const text = JSON.stringify(await read())
  for (const secret of [accessToken, demoUsers[0]?.userId, demoUsers[0]?.displayName])
    expect(text).not.toContain(secret)
})

it('100 questions at once with an unknown token: two calls to LINE', async () => {
  const { accessToken } = system.emulator.issueTokens()
  const before = await read()
  await Promise.all(Array.from({ length: 100 }, () => system.ask(whoAmI, {}, accessToken)))
  const after = await read()
  expect([after.questions - before.questions, after.lineCalls - before.lineCalls]).toEqual([100, 2])
  const sharedOrRemembered = ({ lookUps }: LiveNumbers) => lookUps.memory + lookUps.shared
  expect(sharedOrRemembered(after) - sharedOrRemembered(before)).toBe(99)
  expect(after.events.length).toBeLessThanOrEqual(30)
})

it('only what memory answered is called so, also while another question waits for LINE', async () => {
  system.emulator.faults.set('verifyAccessToken', { latencyMs: 200, times: 1 })
  const [known, unknown] = [system.emulator.issueTokens().accessToken, system.emulator.issueTokens().accessToken]
  const slow = system.ask(whoAmI, {}, known)
  await expect.poll(() => system.emulator.calls.inFlight(), { timeout: 30_000 }).toBeGreaterThan(0)
  await Promise.all([slow, system.ask('mutation { logout { revoked } }', {}, unknown)])
  await system.ask(whoAmI, {}, known)
  await system.ask(whoAmI, {}, unknown)
  const texts = (await read()).events.map(({ text }) => text).filter((text) => !text.startsWith('LINE '))
  expect(texts.slice(0, 2)).toEqual(['viewer: the token is refused, from memory', 'viewer: answered from memory'])
  // On a slow machine the logout ends last.
  expect(texts.slice(2, 4).sort()).toEqual(['logout: answered', 'viewer: answered'])
})

it('a call that our own queue refused: no call to LINE', () => {
  const { telemetry, read } = createLiveNumbers(createSilentTelemetry())
  const call = { endpoint: 'verify', method: 'GET', status: undefined, lineRequestId: undefined, ms: 0 } as const
  telemetry.lineCall({ ...call, outcome: 'not_sent' })
  expect(read()).toMatchObject({ lineCalls: 0, breakers: [] })
  expect(read().events.map(({ text }) => text)).toEqual(['verify: LINE was not called, because our queue is full'])
})

it('an outage: the failed call and the open breaker, with the seconds that are left', async () => {
  system.emulator.faults.set('token', { status: 429, headers: { 'retry-after': '30' } })
  await system.ask(refresh.replace('wrong', 'other'))
  const { breakers, events } = await read()
  expect(events.slice(0, 3).map(({ text }) => text.replace(/ in \d+ ms/, ''))).toEqual([
    'refreshToken: failed, because LINE wants fewer calls',
    'LINE token: limited (429)',
    'breaker of token: open for 30 s',
  ])
  const token = breakers.find(({ endpoint }) => endpoint === 'token')
  expect(token?.state).toBe('open')
  expect(token?.secondsLeft).toBeGreaterThan(0)
  expect(token?.secondsLeft).toBeLessThanOrEqual(30)
  system.emulator.faults.clear()
})

it('for other names than loopback: 421; for pages of other origins: no CORS', async () => {
  const { statusCode, body } = await request(`${system.gateway.url}/dev/numbers`, {
    headers: { host: 'gateway.example' },
  })
  await body.dump()
  expect(statusCode).toBe(421)
  const answer = await fetch(`${system.gateway.url}/dev/numbers`, { headers: { origin: 'http://localhost:3000' } })
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
})
