import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { type Answer, type Credentials, createDriver, type Need } from '../harness/check-driver.ts'
import { type Check, checks, isContested, type Observations } from './checks.ts'

/** Each setting makes more checks run. */
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

/** Needs that no setting can provide. */
const missing: Partial<Record<Need, string>> = {
  alienIdToken: 'an ID token that LINE never signs',
  browser: 'a user at the login page',
  clock: 'a clock that the check can move',
  user: 'a user who unlinks the app',
}

const required = ['LINE_CHANNEL_ID', 'LINE_ACCESS_TOKEN']
const defaultPauseSeconds = 15
const leastPauseSeconds = 10

class UsageError extends Error {}
/** LINE answered 429: stop, because LINE forbids more calls. */
class TooManyCalls extends Error {}

type Outcome = { readonly verdict: 'matches' | 'variant' | 'DIFFERENT' | 'skipped'; readonly note: string }

/** Prints each check. Returns the exit code: 1 if LINE differs or limits us, 2 if the words or settings are wrong. */
export async function runChecks(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    return await checkLine(readRun(args, env))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

type Run = ReturnType<typeof readRun>

function readRun(args: readonly string[], env: NodeJS.ProcessEnv) {
  const unset = required.filter((name) => !env[name])
  if (unset.length > 0) {
    const more = Object.values(settings).filter((name) => name !== undefined && !required.includes(name))
    throw new UsageError(`Set ${unset.join(' and ')}. For more checks: ${more.join(', ')} (codes as comma lists).`)
  }
  const { revoke, only } = readOptions(args)
  const api = originIn(env.LINE_API_URL ?? 'https://api.line.me', 'LINE_API_URL')
  const access = originIn(env.LINE_ACCESS_URL ?? 'https://access.line.me', 'LINE_ACCESS_URL')
  const isLocal = [api, access].every((origin) => ['127.0.0.1', 'localhost'].includes(new URL(origin).hostname))
  const pauseSeconds = Number(env.LINE_CHECK_PAUSE_SECONDS ?? defaultPauseSeconds)
  if (!(pauseSeconds >= (isLocal ? 0 : leastPauseSeconds))) {
    throw new UsageError(
      `LINE_CHECK_PAUSE_SECONDS: must be at least ${leastPauseSeconds}, because LINE forbids load tests`,
    )
  }
  return { api, access, pauseSeconds, credentials: readCredentials(env), revoke, only }
}

function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { revoke: { type: 'boolean' }, only: { type: 'string' } },
    })
    return { revoke: values.revoke === true, only: values.only ?? '' }
  } catch {
    throw new UsageError('The only options are --revoke and --only, which needs the start of a check id')
  }
}

function originIn(text: string, name: string): string {
  if (!URL.canParse(text)) throw new UsageError(`${name}: must be a URL`)
  return new URL(text).origin
}

/** A code works only once, so a setting may have several codes. */
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
  const runCheck = createRunner(run)
  try {
    for (const check of [...wanted.filter(isHarmless), ...wanted.filter((one) => !isHarmless(one))]) {
      const { verdict, note } = await runCheck(check)
      verdicts.push(verdict)
      process.stdout.write(`${verdict.padEnd(10)}  ${check.id.padEnd(36)}  ${note}\n`)
    }
  } catch (error) {
    if (!(error instanceof TooManyCalls)) throw error
    process.stdout.write('LINE answered 429: stopped. Try again much later.\n')
    return 1
  }
  const count = (verdict: string) => verdicts.filter((one) => one === verdict).length
  const matching = count('matches') + count('variant')
  process.stdout.write(`${matching} match, ${count('DIFFERENT')} different, ${count('skipped')} skipped\n`)
  return count('DIFFERENT') === 0 ? 0 : 1
}

function isHarmless({ harms }: Check): boolean {
  return harms === undefined
}

/** Runs one check after another, with a pause before each call except the first. */
function createRunner({ api, access, pauseSeconds, credentials, revoke }: Run): (check: Check) => Promise<Outcome> {
  const secrets = new Set([...credentials.values()].flat())
  let calls = 0

  return async function runCheck(check) {
    const reason = reasonToSkip(check, credentials, revoke)
    if (reason !== undefined) return { verdict: 'skipped', note: reason }
    const driver = createDriver({ api, access, credentials, needs: check.needs, pause, secret, answered })
    try {
      return compare(check, await check.run(driver))
    } catch (error) {
      if (error instanceof TooManyCalls) throw error
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
    if (status === 429) throw new TooManyCalls()
  }

  function compare({ expected }: Check, seen: Observations): Outcome {
    if (!isContested(expected)) {
      if (isSame(seen, expected)) return { verdict: 'matches', note: '' }
      return { verdict: 'DIFFERENT', note: withoutSecrets(differenceOf(seen, expected)) }
    }
    const variant = expected.variants.find((one) => isSame(seen, one.expected))
    if (variant !== undefined) return { verdict: 'variant', note: `${expected.contested}: ${variant.setting}` }
    return { verdict: 'DIFFERENT', note: withoutSecrets(`${expected.contested}: no variant matches ${jsonOf(seen)}`) }
  }

  function withoutSecrets(text: string): string {
    return [...secrets].reduce((rest, one) => (one === '' ? rest : rest.replaceAll(one, '…')), text)
  }
}

function reasonToSkip({ needs, harms }: Check, credentials: Credentials, revoke: boolean): string | undefined {
  const unmet = needs.filter((need) => (credentials.get(need) ?? []).length === 0)
  if (unmet.length > 0) return `needs ${unmet.map((need) => settings[need] ?? missing[need]).join(', ')}`
  return harms === undefined || revoke ? undefined : `${harms}: runs only with --revoke`
}

function isSame(seen: Observations, expected: Observations): boolean {
  return isDeepStrictEqual(JSON.parse(jsonOf(seen)), JSON.parse(jsonOf(expected)))
}

function differenceOf(seen: Observations, expected: Observations): string {
  const names = [...new Set([...Object.keys(seen), ...Object.keys(expected)])]
  const differing = names.filter((name) => !isSame({ it: seen[name] }, { it: expected[name] }))
  return differing.map((name) => `${name}: ${jsonOf(seen[name])} instead of ${jsonOf(expected[name])}`).join('; ')
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}
