import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isEndedAtLine, login, refreshUse, uses } from '../harness/forgetting-session.ts'
import { print } from '../harness/print.ts'
import { runClock } from '../harness/running-clock.ts'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

const sessions = 20
const requests = 8_000
const logout = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'

test('20 logouts while LINE is down, then 120,000 junk revokes: still refused, and LINE is told (C2)', async () => {
  const gateway = await startRunningGateway({ LOG_LEVEL: 'silent', TRUSTED_PROXIES: '127.0.0.1' })
  try {
    const known = await Promise.all(
      Array.from({ length: sessions }, () => login(gateway, userOf(gateway), 'profile openid')),
    )
    gateway.emulator.faults.set('*', { status: 503 })
    for (const { accessToken: token, refreshToken } of known) {
      await gateway.ask(logout, { token, variables: { input: { refreshToken } } })
    }
    const startedAt = performance.now()
    await revokeJunk(gateway)
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
    const served = await countServed(gateway, known)
    gateway.emulator.faults.clear()
    gateway.advance(2_000)
    const servedLater = await countServed(gateway, known)
    const [untold, toldAfter] = await waitUntilTold(gateway, known)
    print(
      `${sessions} logouts while LINE is down, then ${requests * 15} junk revokes in ${seconds} s: ${served} tokens served, ` +
        `${servedLater} right after LINE's recovery; LINE still accepts ${untold} after ${toldAfter} s`,
    )
    expect({ served, servedLater, untold }).toEqual({ served: 0, servedLater: 0, untold: 0 })
  } finally {
    await gateway.close()
  }
})

type Sessions = readonly { readonly accessToken: string; readonly refreshToken: string }[]

async function countServed(gateway: RunningGateway, known: Sessions): Promise<number> {
  let served = 0
  for (const { accessToken, refreshToken } of known) {
    if ((await uses.verifyAccessToken(gateway, accessToken)) === 'served') served += 1
    if ((await refreshUse.refreshToken(gateway, refreshToken)) === 'served') served += 1
  }
  return served
}

/** Fifteen in a request, one of them a refresh token, each request from another address. */
async function revokeJunk(gateway: RunningGateway): Promise<void> {
  let next = 0
  const work = async () => {
    for (let n = next++; n < requests; n = next++) {
      const kind = (m: number) => (m > 0 ? 'accessToken' : 'refreshToken')
      const fields = Array.from(
        { length: 15 },
        (_, m) => `f${m}: revokeToken(input: { ${kind(m)}: "junk-${n}-${m}" }) { revoked }`,
      )
      const headers = { 'x-forwarded-for': `100.64.${n >> 8}.${n & 255}` }
      await gateway.ask(`mutation { ${fields.join(' ')} }`, { headers })
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
}

/** How many tokens LINE accepts after 20 s, and how long it took until there were none. */
async function waitUntilTold(gateway: RunningGateway, known: Sessions): Promise<[number, string]> {
  const stopClock = runClock(gateway)
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1_000
  let untold = await countUntold(gateway, known)
  while (untold > 0 && elapsed() < 20) {
    await sleep(200)
    untold = await countUntold(gateway, known)
  }
  stopClock()
  return [untold, elapsed().toFixed(1)]
}

async function countUntold(gateway: RunningGateway, known: Sessions): Promise<number> {
  const ended = await Promise.all(
    known.flatMap(({ accessToken, refreshToken }) => [
      isEndedAtLine(gateway, 'access', accessToken),
      isEndedAtLine(gateway, 'refresh', refreshToken),
    ]),
  )
  return ended.filter((isEnded) => !isEnded).length
}

function userOf({ emulator }: RunningGateway): string {
  return emulator.users[0]?.userId ?? ''
}
