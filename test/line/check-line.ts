import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { type Answer, type Credentials, createDriver, type Need } from '../harness/check-driver.ts'
import { type Check, checks, isContested, type Observations } from './checks.ts'

/**
 * Puts the checks to LINE itself, a few calls a minute:
 *
 *   LINE_CHANNEL_ID=… LINE_ACCESS_TOKEN=… node test/line/check-line.ts [--only verify.] [--revoke]
 *
 * Every credential more that is set makes more checks run. What harms a login runs with `--revoke` only.
 */
const settings: Readonly<Record<Need, string | undefined>> = {
  channel: 'LINE_CHANNEL_ID',
  secret: 'LINE_CHANNEL_SECRET',
  redirectUri: 'LINE_REDIRECT_URI',
  codeVerifier: 'LINE_CODE_VERIFIER',
  accessToken: 'LINE_ACCESS_TOKEN',
  refreshToken: 'LINE_REFRESH_TOKEN',
  openidToken: 'LINE_OPENID_ACCESS_TOKEN',
  profileToken: 'LINE_PROFILE_ACCESS_TOKEN',
  emailToken: 'LINE_EMAIL_ACCESS_TOKEN',
  expiredToken: 'LINE_EXPIRED_ACCESS_TOKEN',
  revokedToken: 'LINE_REVOKED_ACCESS_TOKEN',
  foreignToken: 'LINE_FOREIGN_ACCESS_TOKEN',
  unlinkedToken: 'LINE_UNLINKED_ACCESS_TOKEN',
  bareToken: 'LINE_BARE_ACCESS_TOKEN',
  liffToken: 'LINE_LIFF_ACCESS_TOKEN',
  code: 'LINE_CODE',
  plainCode: 'LINE_PLAIN_CODE',
  profileCode: 'LINE_PROFILE_CODE',
  emailCode: 'LINE_EMAIL_CODE',
  nativeChannel: 'LINE_NATIVE_CHANNEL_ID',
  nativeCode: 'LINE_NATIVE_CODE',
  nativeAccessToken: 'LINE_NATIVE_ACCESS_TOKEN',
  nativeRefreshToken: 'LINE_NATIVE_REFRESH_TOKEN',
  nativeIdToken: 'LINE_NATIVE_ID_TOKEN',
  liffChannel: 'LINE_LIFF_CHANNEL_ID',
  liffCode: 'LINE_LIFF_CODE',
  idToken: 'LINE_ID_TOKEN',
  nonce: 'LINE_NONCE',
  expiredIdToken: 'LINE_EXPIRED_ID_TOKEN',
  alienIdToken: undefined,
  browser: undefined,
  clock: undefined,
  user: undefined,
}

/** What no setting can give. */
const missing: Partial<Record<Need, string>> = {
  alienIdToken: 'a token LINE would never sign',
  browser: 'somebody at the login page',
  clock: 'time that passes at will',
  user: 'a user who unlinks the app',
}

const required = ['LINE_CHANNEL_ID', 'LINE_ACCESS_TOKEN']
const defaultPauseSeconds = 15
const leastPauseSeconds = 10

class Refusal extends Error {}
/** LINE answered 429: whoever goes on now is a nuisance. */
class TooMuch extends Error {}

type Outcome = { readonly verdict: 'as written' | 'reading' | 'DIFFERENT' | 'skipped'; readonly note: string }

process.exitCode = await main(process.argv.slice(2), process.env)

async function main(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await checkLine(readRun(args, env))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

type Run = ReturnType<typeof readRun>

function readRun(args: string[], env: NodeJS.ProcessEnv) {
  const unset = required.filter((name) => !env[name])
  if (unset.length > 0) {
    const more = Object.values(settings).filter((name) => name !== undefined && !required.includes(name))
    throw new Refusal(`Set ${unset.join(' and ')}. For more checks: ${more.join(', ')} (codes as comma lists).`)
  }
  const { revoke, only } = readOptions(args)
  const api = originIn(env.LINE_API_URL ?? 'https://api.line.me', 'LINE_API_URL')
  const access = originIn(env.LINE_ACCESS_URL ?? 'https://access.line.me', 'LINE_ACCESS_URL')
  const isLocal = [api, access].every((origin) => ['127.0.0.1', 'localhost'].includes(new URL(origin).hostname))
  const pauseSeconds = Number(env.LINE_CHECK_PAUSE_SECONDS ?? defaultPauseSeconds)
  if (!(pauseSeconds >= (isLocal ? 0 : leastPauseSeconds))) {
    throw new Refusal(`LINE_CHECK_PAUSE_SECONDS: at least ${leastPauseSeconds}, LINE forbids load tests`)
  }
  return { api, access, pauseSeconds, credentials: readCredentials(env), revoke, only }
}

function readOptions(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: { revoke: { type: 'boolean' }, only: { type: 'string' } } })
    return { revoke: values.revoke === true, only: values.only ?? '' }
  } catch {
    throw new Refusal('The options are --revoke and --only with the beginning of an id')
  }
}

function originIn(text: string, name: string): string {
  if (!URL.canParse(text)) throw new Refusal(`${name}: must be an origin`)
  return new URL(text).origin
}

/** Codes are good once, so there may be several of a kind. */
function readCredentials(env: NodeJS.ProcessEnv): Credentials {
  const credentials: Credentials = new Map()
  for (const [need, name] of Object.entries(settings) as [Need, string | undefined][]) {
    const value = name === undefined ? undefined : env[name]
    if (value) credentials.set(need, /code$/i.test(need) ? value.split(',') : [value])
  }
  return credentials
}

async function checkLine(run: Run): Promise<number> {
  const wanted = checks.filter(({ id }) => id.startsWith(run.only))
  const verdicts: string[] = []
  const ask = createAsking(run)
  try {
    for (const check of [...wanted.filter(isHarmless), ...wanted.filter((one) => !isHarmless(one))]) {
      const { verdict, note } = await ask(check)
      verdicts.push(verdict)
      process.stdout.write(`${verdict.padEnd(10)}  ${check.id.padEnd(36)}  ${note}\n`)
    }
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error
    process.stdout.write('LINE answers 429: stopped, try again much later\n')
    return 1
  }
  const count = (verdict: string) => verdicts.filter((one) => one === verdict).length
  const asWritten = count('as written') + count('reading')
  process.stdout.write(`${asWritten} as written, ${count('DIFFERENT')} different, ${count('skipped')} skipped\n`)
  return count('DIFFERENT') === 0 ? 0 : 1
}

function isHarmless({ harms }: Check): boolean {
  return harms === undefined
}

/** Asks one check after the other, with a pause before each call but the first. */
function createAsking({ api, access, pauseSeconds, credentials, revoke }: Run): (check: Check) => Promise<Outcome> {
  const secrets = new Set([...credentials.values()].flat())
  let calls = 0

  return async function ask(check) {
    const reason = reasonToSkip(check, credentials, revoke)
    if (reason !== undefined) return { verdict: 'skipped', note: reason }
    const driver = createDriver({ api, access, credentials, needs: check.needs, pause, secret, answered })
    try {
      return judge(check, await check.run(driver))
    } catch (error) {
      if (error instanceof TooMuch) throw error
      return { verdict: 'DIFFERENT', note: withoutSecrets(error instanceof Error ? error.message : 'no answer') }
    } finally {
      for (const need of check.spends ?? []) credentials.get(need)?.shift()
    }
  }

  async function pause(): Promise<void> {
    calls += 1
    if (calls > 1) await sleep(pauseSeconds * 1_000)
  }

  function secret(value: string): void {
    secrets.add(value)
  }

  function answered({ status }: Answer): void {
    if (status === 429) throw new TooMuch()
  }

  function judge({ expected }: Check, seen: Observations): Outcome {
    if (!isContested(expected)) {
      if (isSame(seen, expected)) return { verdict: 'as written', note: '' }
      return { verdict: 'DIFFERENT', note: withoutSecrets(differenceOf(seen, expected)) }
    }
    const reading = expected.readings.find((one) => isSame(seen, one.expected))
    if (reading !== undefined) return { verdict: 'reading', note: `${expected.contested}: ${reading.setting}` }
    return { verdict: 'DIFFERENT', note: withoutSecrets(`${expected.contested} as nobody read it: ${told(seen)}`) }
  }

  function withoutSecrets(text: string): string {
    return [...secrets].reduce((rest, one) => (one === '' ? rest : rest.replaceAll(one, '…')), text)
  }
}

function reasonToSkip({ needs, harms }: Check, credentials: Credentials, revoke: boolean): string | undefined {
  const unmet = needs.filter((need) => (credentials.get(need) ?? []).length === 0)
  if (unmet.length > 0) return `needs ${unmet.map((need) => settings[need] ?? missing[need]).join(', ')}`
  return harms === undefined || revoke ? undefined : `${harms}: only with --revoke`
}

function isSame(seen: Observations, expected: Observations): boolean {
  return isDeepStrictEqual(JSON.parse(told(seen)), JSON.parse(told(expected)))
}

function differenceOf(seen: Observations, expected: Observations): string {
  const names = [...new Set([...Object.keys(seen), ...Object.keys(expected)])]
  const differing = names.filter((name) => !isSame({ it: seen[name] }, { it: expected[name] }))
  return differing.map((name) => `${name}: ${told(seen[name])} instead of ${told(expected[name])}`).join('; ')
}

function told(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}
