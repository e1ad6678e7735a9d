import { afterEach, describe, expect, it } from 'vitest'
import type { Emulator, Switches } from '../../src/emulator/emulator.ts'
import type { LineEndpoint } from '../../src/telemetry/metric-labels.ts'
import { credentialsFor, startLine, user } from '../harness/check-credentials.ts'
import { createDriver } from '../harness/check-driver.ts'
import { type Check, checks, isContested, type Observations } from './checks.ts'

let emulator: Emulator | undefined
afterEach(() => emulator?.close())

describe('the emulator behaves like LINE:', () => {
  for (const check of checks) {
    if (!isContested(check.expected)) {
      it(`${check.id}: ${check.says}`, async () => expect(await observe(check)).toEqual(check.expected))
      continue
    }
    const { contested, variants } = check.expected
    for (const { setting, expected } of variants) {
      it(`${check.id}: ${check.says} (${contested}: ${setting})`, async () => {
        expect(await observe(check, { [contested]: setting })).toEqual(expected)
      })
    }
  }
})

describe('the list of checks', () => {
  it('has each id once, and each id has the form subject.name', () => {
    const ids = checks.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)*\.[a-z0-9]+(-[a-z0-9]+)*$/.test(id))).toEqual([])
  })

  it('has more than 100 checks, each with a sentence and a source', () => {
    expect(checks.length).toBeGreaterThan(100)
    for (const { says, source } of checks) {
      expect(says).toMatch(/[.:]$/)
      expect(URL.canParse(source.url)).toBe(true)
    }
  })

  it('has checks for every endpoint', () => {
    const seen = new Set(checks.map(({ endpoint }) => endpoint))
    expect([...seen].sort()).toEqual(Object.keys(endpoints).sort())
  })

  it('has a check for each contested fact, with a variant for each setting', () => {
    const contestedChecks = checks.flatMap(({ expected }) => (isContested(expected) ? [expected] : []))
    const variantsOf = (name: string) =>
      contestedChecks.filter(({ contested }) => contested === name).map(({ variants }) => variants)
    for (const [name, count] of Object.entries(contestedFacts)) {
      expect(variantsOf(name).length, name).toBeGreaterThan(0)
      for (const variants of variantsOf(name)) expect(new Set(variants.map(({ setting }) => setting)).size).toBe(count)
    }
  })

  it('expects different observations for the variants of a fact, with one exception', () => {
    const same = checks.filter(({ expected }) => {
      return isContested(expected) && new Set(expected.variants.map((one) => JSON.stringify(one.expected))).size === 1
    })
    expect(same.map(({ id }) => id)).toEqual(['authorize.auto-login-disabled'])
  })

  it('names the harm of each check that uses up a credential or ends a login', () => {
    const spending = checks.filter(({ spends = [], harms }) => spends.length > 0 && harms === undefined)
    expect(spending.map(({ id }) => id)).toEqual([])
    const ending = checks.filter(({ id, harms }) => /^(revoke|deauthorize|refresh)\./.test(id) && harms === undefined)
    expect(ending.map(({ id }) => id)).toEqual(['refresh.bogus', 'revoke.token-missing', 'revoke.unknown'])
  })
})

/** A new endpoint of the client does not compile here until it has checks. */
const endpoints: Record<LineEndpoint | 'authorize' | 'verifyIdToken' | 'discovery', true> = {
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

/** The number of settings of each contested switch, without those for texts. A new switch does not compile here. */
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

/** The observations of a check with a new emulator. */
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
  const called = check.endpoint === 'verify' ? 'verifyAccessToken' : check.endpoint
  // These checks read an ID token issued before, or call a path that LINE does not have. Neither counts as a call.
  if (!/^id-token\.|^discovery\.oauth-404$/.test(check.id)) expect(line.calls.of(called)).toBeGreaterThan(0)
  return observed
}
