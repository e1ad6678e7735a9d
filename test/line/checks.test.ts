import { afterEach, describe, expect, it } from 'vitest'
import type { Emulator, Switches } from '../../src/emulator/emulator.ts'
import type { Endpoint } from '../../src/line/client.ts'
import { credentialsFor, startLine, user } from '../harness/check-credentials.ts'
import { createDriver } from '../harness/check-driver.ts'
import { type Check, checks, isContested, type Observations } from './checks.ts'

let emulator: Emulator | undefined
afterEach(() => emulator?.close())

describe('the emulator answers as LINE does:', () => {
  for (const check of checks) {
    if (!isContested(check.expected)) {
      it(`${check.id}: ${check.says}`, async () => expect(await observe(check)).toEqual(check.expected))
      continue
    }
    const { contested, readings } = check.expected
    for (const { setting, expected } of readings) {
      it(`${check.id}: ${check.says} (${contested}: ${setting})`, async () => {
        expect(await observe(check, { [contested]: setting })).toEqual(expected)
      })
    }
  }
})

describe('the list', () => {
  it('has each id once, named after what it is about', () => {
    const ids = checks.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*$/.test(id))).toEqual([])
  })

  it('has several dozen checks, each with a sentence and a source', () => {
    expect(checks.length).toBeGreaterThan(100)
    for (const { says, source } of checks) {
      expect(says).toMatch(/[.:]$/)
      expect(URL.canParse(source.url)).toBe(true)
    }
  })

  it('looks at every endpoint that is called or shown', () => {
    const seen = new Set(checks.map(({ endpoint }) => endpoint))
    expect([...seen].sort()).toEqual(Object.keys(endpoints).sort())
  })

  it('reads each contested fact both ways', () => {
    const read = checks.flatMap(({ expected }) => (isContested(expected) ? [expected] : []))
    const settings = (name: string) =>
      read.filter(({ contested }) => contested === name).map(({ readings }) => readings)
    for (const [name, count] of Object.entries(contestedFacts)) {
      expect(settings(name).length, name).toBeGreaterThan(0)
      for (const readings of settings(name)) expect(new Set(readings.map(({ setting }) => setting)).size).toBe(count)
    }
  })

  it('tells its readings apart, but where a fact makes no difference on purpose', () => {
    const same = checks.filter(({ expected }) => {
      return isContested(expected) && new Set(expected.readings.map((one) => JSON.stringify(one.expected))).size === 1
    })
    expect(same.map(({ id }) => id)).toEqual(['authorize.auto-login-disabled'])
  })

  it('does no harm without saying so', () => {
    const spending = checks.filter(({ spends = [], harms }) => spends.length > 0 && harms === undefined)
    expect(spending.map(({ id }) => id)).toEqual([])
    const ending = checks.filter(({ id, harms }) => /^(revoke|deauthorize|refresh)\./.test(id) && harms === undefined)
    expect(ending.map(({ id }) => id)).toEqual(['refresh.bogus', 'revoke.token-missing', 'revoke.unknown'])
  })
})

/** A new endpoint of the client fails to compile here until checks look at it. */
const endpoints: Record<Endpoint | 'authorize' | 'verifyIdToken' | 'discovery', true> = {
  token: true,
  verify: true,
  revoke: true,
  profile: true,
  userinfo: true,
  friendship: true,
  certs: true,
  deauthorize: true,
  channelToken: true,
  authorize: true,
  verifyIdToken: true,
  discovery: true,
}

/** How many settings each contested switch has; free texts are no contested facts. A new switch fails to compile here. */
const contestedFacts: Record<Exclude<keyof Switches, `${string}Text`>, number> = {
  refreshToken: 3,
  refreshLifetime: 2,
  refreshRevokesOldAccessTokens: 2,
  verifyTexts: 2,
  idTokenTexts: 2,
  revokeUnknown: 2,
  revokeKillsRefreshToken: 2,
  wideCoordinates: 2,
  autoLoginFails: 2,
}

/** What a check sees at an emulator of its own. */
async function observe(check: Check, switches: Partial<Switches> = {}): Promise<Observations> {
  const line = await startLine(switches)
  emulator = line
  const driver = createDriver({
    api: line.url,
    access: line.url,
    needs: check.needs,
    credentials: credentialsFor(check.needs, line),
    logIn: (query, decision) => ({
      path: `/emulator/login?${query}`,
      form: { user: user.userId, ...decision },
    }),
    wait: line.advanceClock,
    unlink: () => line.unlink(user.userId),
  })
  const observed = await check.run(driver)
  const asked = check.endpoint === 'verify' ? 'verifyAccessToken' : check.endpoint
  // What an ID token is like shows in one issued before, and a path that is none of LINE's counts as no call.
  if (!/^id-token\.|^discovery\.oauth-404$/.test(check.id)) expect(line.calls.of(asked)).toBeGreaterThan(0)
  return observed
}
