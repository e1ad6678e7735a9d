import type { IssuedTokens } from '../../src/emulator/emulator.ts'
import { native, type Reply, type RunningGateway, web } from '../harness/running-gateway.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
/** Seconds. */
const lifetimes = [30 * 86_400, 2 * 3_600, 600]
const tokensOfALifetime = 10
/** Two clocks that differ by less have not drifted apart. */
const toleranceMs = 6 * SECOND

const verifyAccess = 'query ($raw: String!) { verifyAccessToken(accessToken: $raw) { active } }'
const verifyId = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }'
const refreshTokens = `mutation ($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken expiresAt }
}`
const logout = 'mutation { logout { revoked } }'

type Verdict = 'accepted' | 'refused' | 'unanswered'
/** `endsAt`: LINE's clock, epoch ms. */
type Credential = { readonly raw: string; readonly endsAt: number }

/** Holds access tokens, refresh tokens and ID tokens. Uses all of them again and again, and counts wrong answers. */
export function createHolder(gateway: RunningGateway) {
  const { emulator, ask, lineTime } = gateway
  const accessTokens: Credential[] = []
  const idTokens: Credential[] = []
  const loggedOut: Credential[] = []
  const counts = {
    access: noCounts(),
    id: noCounts(),
    refresh: { done: 0, failed: 0, wrongTimes: 0 },
    loggedOut: { refused: 0, accepted: 0 },
  }

  return { issue, useAll, refresh, logOutUnheard, counts }

  /** HS256 ID tokens of the web channel, ES256 ones of the native channel. */
  function issue(): void {
    for (const { id: channelId } of [web, native]) {
      for (const expiresIn of lifetimes) {
        for (let n = 0; n < tokensOfALifetime; n += 1) keep(gateway.issue({ expiresIn, channelId }))
      }
    }
  }

  function keep({ accessToken, idToken = '', expiresIn }: IssuedTokens): void {
    accessTokens.push({ raw: accessToken, endsAt: lineTime() + expiresIn * SECOND })
    idTokens.push({ raw: idToken, endsAt: lineTime() + HOUR })
  }

  async function useAll(isWallRight: boolean): Promise<void> {
    await Promise.all(accessTokens.map((token) => use(token, verdictOnAccess, counts.access)))
    if (isWallRight) await Promise.all(idTokens.map((token) => use(token, verdictOnId, counts.id)))
    for (const token of loggedOut) {
      counts.loggedOut[(await verdictOnAccess(token.raw)) === 'accepted' ? 'accepted' : 'refused'] += 1
    }
  }

  /** A good token that is refused is used once more. */
  async function use(
    { raw, endsAt }: Credential,
    verdictOn: (raw: string) => Promise<Verdict>,
    count: ReturnType<typeof noCounts>,
  ): Promise<void> {
    const isGood = endsAt > lineTime()
    const verdict = await verdictOn(raw)
    count[verdict] += 1
    if (verdict === 'accepted' && !isGood) count.expiredAccepted += 1
    if (verdict !== 'refused' || !isGood) return
    count.goodRefused += 1
    if ((await verdictOn(raw)) !== 'accepted') count.goodRefusedTwice += 1
  }

  /** Twice at once, for a new login. The tokens must work, and their end must be shown as LINE has it. */
  async function refresh(isWallRight: boolean): Promise<void> {
    const { refreshToken } = gateway.issue()
    const variables = { input: { refreshToken, channelId: web.id } }
    const replies = await Promise.all([ask(refreshTokens, { variables }), ask(refreshTokens, { variables })])
    for (const { data } of replies) {
      const tokens = data?.refreshToken as { readonly accessToken: string; readonly expiresAt: string } | null
      counts.refresh.done += 1
      if (tokens === null || (await verdictOnAccess(tokens.accessToken)) !== 'accepted') counts.refresh.failed += 1
      const differenceMs = Date.parse(tokens?.expiresAt ?? '') - lineTime() - 30 * 24 * HOUR
      if (isWallRight && Math.abs(differenceMs) > toleranceMs) counts.refresh.wrongTimes += 1
    }
  }

  /** LINE never hears of these logouts. */
  async function logOutUnheard(): Promise<void> {
    emulator.faults.set('revoke', { status: 500 })
    for (const expiresIn of lifetimes) {
      const { accessToken } = gateway.issue({ expiresIn })
      await verdictOnAccess(accessToken)
      await ask(logout, { token: accessToken })
      loggedOut.push({ raw: accessToken, endsAt: lineTime() + expiresIn * SECOND })
    }
  }

  async function verdictOnAccess(raw: string): Promise<Verdict> {
    const { data } = await ask(verifyAccess, { variables: { raw } })
    const verification = data?.verifyAccessToken as { readonly active: boolean } | null | undefined
    if (verification == null) return 'unanswered'
    return verification.active ? 'accepted' : 'refused'
  }

  async function verdictOnId(raw: string): Promise<Verdict> {
    const { errors }: Reply = await ask(verifyId, { variables: { input: { idToken: raw } } })
    if (errors.length === 0) return 'accepted'
    return errors[0]?.extensions.code === 'INVALID_ID_TOKEN' ? 'refused' : 'unanswered'
  }
}

function noCounts() {
  return { accepted: 0, refused: 0, unanswered: 0, expiredAccepted: 0, goodRefused: 0, goodRefusedTwice: 0 }
}
