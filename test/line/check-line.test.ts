import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Emulator } from '../../src/emulator/emulator.ts'
import { credentialsFor, startLine } from '../harness/check-credentials.ts'
import type { Need } from '../harness/check-driver.ts'
import { compileCache } from '../harness/compile-cache.ts'
import { checks } from './checks.ts'
import { runChecks } from './run-checks.ts'

const script = fileURLToPath(new URL('check-line.ts', import.meta.url))

/** The settings that the script reads and names in its error message. */
const settings: Partial<Record<Need, string>> = {
  channel: 'LINE_CHANNEL_ID',
  secret: 'LINE_CHANNEL_SECRET',
  redirectUri: 'LINE_REDIRECT_URI',
  codeVerifier: 'LINE_CODE_VERIFIER',
  accessToken: 'LINE_ACCESS_TOKEN',
  refreshToken: 'LINE_REFRESH_TOKEN',
  expiredToken: 'LINE_EXPIRED_ACCESS_TOKEN',
  revokedToken: 'LINE_REVOKED_ACCESS_TOKEN',
  openidToken: 'LINE_OPENID_ACCESS_TOKEN',
  profileToken: 'LINE_PROFILE_ACCESS_TOKEN',
  code: 'LINE_CODE',
  nativeChannel: 'LINE_NATIVE_CHANNEL_ID',
  nativeIdToken: 'LINE_NATIVE_ID_TOKEN',
  idToken: 'LINE_ID_TOKEN',
  nonce: 'LINE_NONCE',
}

let line: Emulator
beforeEach(async () => {
  line = await startLine()
})
afterEach(() => line.close())

it('without credentials: exits with 2, names the settings and does not call LINE', async () => {
  const { code, output } = await runAsProgram({})
  expect(code).toBe(2)
  expect(output).toContain('Set LINE_CHANNEL_ID and LINE_ACCESS_TOKEN')
  for (const name of Object.values(settings)) expect(output).toContain(name)
  expect(line.calls.total()).toBe(0)
})

it('with the emulator: all checks match, and the login still works', async () => {
  const env = credentials()
  const { code, output } = await runAsProgram(env)
  expect(output).not.toContain('DIFFERENT')
  expect(output).toMatch(/variant\s+verify\.revoked-400\s+verifyTexts: new/)
  expect(output).toMatch(/matches\s+profile\.answer/)
  expect(output).toMatch(/skipped\s+revoke\.answer\s+revokes an access token .*: runs only with --revoke/)
  expect(output).toMatch(/skipped\s+verify\.liff-12-hours\s+needs LINE_LIFF_ACCESS_TOKEN/)
  expect(output).toMatch(/skipped\s+token\.code-expired\s+needs a clock that the check can move/)
  expect(output.trimEnd().split('\n')).toHaveLength(checks.length + 1)
  expect(code).toBe(0)
  expect(line.calls.of('deauthorize')).toBe(0)
  expect(await isValid(env)).toBe(true)
  expect((await refreshed(env)).statusCode).toBe(200)
})

it('with --revoke: ends the login, and names the variant of each contested fact', async () => {
  line.switches.refreshToken = 'omit'
  const env = credentials()
  const { code, output } = await run(env, { args: ['--revoke'] })
  expect(output).not.toContain('DIFFERENT')
  expect(output).toMatch(/matches\s+token\.answer/)
  expect(output).toMatch(/matches\s+token\.new-token-verifies/)
  expect(output).toMatch(/skipped\s+token\.code-used\s+needs LINE_CODE/)
  expect(output).toMatch(/variant\s+refresh\.refresh-token\s+refreshToken: omit/)
  expect(output).toMatch(/variant\s+revoke\.refresh-token-lives\s+revokeKillsRefreshToken: false/)
  expect(output).toMatch(/matches\s+deauthorize\.answer/)
  expect(output).toMatch(/skipped\s+deauthorize\.again\s+needs LINE_ACCESS_TOKEN/)
  expect(code).toBe(0)
  expect(await isValid(env)).toBe(false)
})

it('uses the new refresh token after a rotation', async () => {
  line.switches.refreshToken = 'rotate'
  const { output } = await run(credentials(), { args: ['--revoke', '--only', 'refresh.'] })
  expect(output).not.toContain('DIFFERENT')
  expect(output).toMatch(/variant\s+refresh\.refresh-token\s+refreshToken: rotate/)
})

it('prints the difference without credentials', async () => {
  const env = credentials()
  const leak = `${env.LINE_EXPIRED_ACCESS_TOKEN} and ${env.LINE_CHANNEL_SECRET}`
  line.faults.set('profile', { status: 401, body: { message: leak } })
  const { code, output } = await run(env, { args: ['--only', 'profile.'] })
  expect(code).toBe(1)
  expect(output).toMatch(/DIFFERENT\s+profile\.answer\s+status: 401 instead of 200/)
  expect(output).toMatch(/DIFFERENT\s+profile\.expired-text\s+message: "… and …" instead of/)
})

it('never prints a credential from the settings or from LINE', async () => {
  const env = credentials()
  line.faults.set('verifyIdToken', {
    status: 400,
    body: { error: 'invalid_request', error_description: env.LINE_ID_TOKEN },
  })
  const { output } = await run(env, { args: ['--revoke'] })
  expect(output).toContain('DIFFERENT')
  for (const [name, value] of Object.entries(env)) {
    const secrets = /TOKEN|SECRET|CODE|NONCE/.test(name) ? value.split(',') : []
    for (const secret of secrets) expect(output.includes(secret), name).toBe(false)
  }
})

it('stops at once if LINE answers 429', async () => {
  line.faults.set('userinfo', { status: 429 })
  const { code, output } = await run(credentials(), { args: ['--only', 'userinfo.'] })
  expect(code).toBe(1)
  expect(output).toContain('LINE answered 429')
  expect(line.calls.of('userinfo')).toBe(1)
})

it('a pause below 10 seconds: refused, except with LINE on this machine', async () => {
  const elsewhere = { LINE_API_URL: 'https://api.line.invalid', LINE_ACCESS_URL: 'https://access.line.invalid' }
  for (const pause of ['9', 'soon']) {
    const { code, output } = await run(credentials(), { env: { ...elsewhere, LINE_CHECK_PAUSE_SECONDS: pause } })
    expect(code).toBe(2)
    expect(output).toContain('LINE_CHECK_PAUSE_SECONDS: must be at least 10')
  }
})

it('pauses between calls', async () => {
  const env = { LINE_CHECK_PAUSE_SECONDS: '0.3' }
  const startedAt = performance.now()
  await run(credentials(), { args: ['--only', 'answers.request-id'], env })
  // Two checks of two calls each: three pauses.
  expect(line.calls.total()).toBe(4)
  expect(performance.now() - startedAt).toBeGreaterThan(850)
})

type Settings = Readonly<Record<string, string>>

function credentials(): Settings {
  const credentials = credentialsFor(Object.keys(settings) as Need[], line)
  const named = Object.entries(settings).map(([need, name]) => [name, credentials.get(need as Need)?.[0] ?? ''])
  const codes = [0, 1].flatMap(() => credentialsFor(['code'], line).get('code') ?? [])
  return { ...Object.fromEntries(named), LINE_CODE: codes.join(',') }
}

async function run(credentials: Settings, { args = [], env = {} }: { args?: string[]; env?: Settings } = {}) {
  const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockReturnValue(true))
  try {
    const code = await runChecks(args, { ...defaults(), ...credentials, ...env })
    return { code, output: streams.flatMap(({ mock }) => mock.calls.map(([some]) => some)).join('') }
  } finally {
    vi.restoreAllMocks()
  }
}

async function runAsProgram(credentials: Settings) {
  const child = spawn(process.execPath, [script], {
    env: { NODE_COMPILE_CACHE: compileCache, ...defaults(), ...credentials },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (some) => (output += some))
  const [code] = await once(child, 'close')
  return { code, output }
}

function defaults(): Settings {
  return { LINE_API_URL: line.url, LINE_ACCESS_URL: line.url, LINE_CHECK_PAUSE_SECONDS: '0' }
}

async function isValid(env: Settings): Promise<boolean> {
  const token = encodeURIComponent(env.LINE_ACCESS_TOKEN ?? '')
  return (await request(`${line.url}/oauth2/v2.1/verify?access_token=${token}`)).statusCode === 200
}

function refreshed(env: Settings) {
  const form = { grant_type: 'refresh_token', refresh_token: env.LINE_REFRESH_TOKEN ?? '' }
  const client = { client_id: env.LINE_CHANNEL_ID ?? '', client_secret: env.LINE_CHANNEL_SECRET ?? '' }
  return request(`${line.url}/oauth2/v2.1/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...form, ...client }).toString(),
  })
}
