import { describe, expect, it } from 'vitest'
import {
  liff,
  native,
  type RunningGateway,
  START_MS,
  type StartOptions,
  startRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const settings = { LINE_CHANNELS: JSON.stringify([web, native, liff]) }
const isoAfter = (ms: number) => new Date(START_MS + ms).toISOString()

const timesOf = `query ($accessToken: String!) {
  viewer { accessToken { expiresAt expiresIn verifiedAt } }
  verifyAccessToken(accessToken: $accessToken) { expiresAt expiresIn verifiedAt }
}`
const refresh = 'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { expiresAt expiresIn } }'

describe.each([
  ['9 h fast', 9 * HOUR],
  ['9 h slow', -9 * HOUR],
])('a gateway whose wall clock was %s at the start and is corrected (C5)', (_, wallAheadBy) => {
  it('the times of a token from before: shown as times of the corrected clock', async () => {
    await withGateway({ wallAheadBy }, async ({ ask, issue, advance, setWall }) => {
      const { accessToken, expiresIn } = issue()
      const shown = () => ask(timesOf, { token: accessToken, variables: { accessToken } })
      expect((await shown()).errors).toEqual([])
      setWall(-wallAheadBy)
      advance(10 * SECOND)
      const { data } = await shown()
      const times = data?.verifyAccessToken as { readonly expiresAt: string; readonly verifiedAt: string }
      expect(data?.viewer).toEqual({ accessToken: times })
      expect(differenceMs(times.expiresAt, isoAfter(expiresIn * SECOND))).toBeLessThan(10)
      // After a jump forwards the record is stale: it is verified again.
      expect(differenceMs(times.verifiedAt, isoAfter(wallAheadBy < 0 ? 10 * SECOND : 0))).toBeLessThan(10)
    })
  })

  it('new tokens, an access token and an ID token of each kind: their times are right, and they are good', async () => {
    await withGateway({ wallAheadBy }, async ({ ask, issue, advance, setWall }) => {
      setWall(-wallAheadBy)
      advance(10 * SECOND)
      const { accessToken, refreshToken, expiresIn } = issue()
      const { data } = await ask(timesOf, { token: accessToken, variables: { accessToken } })
      const times = { expiresAt: isoAfter(expiresIn * SECOND + 10 * SECOND), verifiedAt: isoAfter(10 * SECOND) }
      expect(data?.verifyAccessToken).toEqual({ ...times, expiresIn })
      const variables = { input: { refreshToken, channelId: web.id } }
      expect((await ask(refresh, { variables })).data?.refreshToken).toEqual({ expiresAt: times.expiresAt, expiresIn })
      for (const { id } of [web, native, liff]) {
        const { idToken = '' } = issue({ channelId: id })
        expect(await wordFor(ask, idToken)).toBe('good')
      }
    })
  })
})

describe('after a suspend of 5 h (C5)', () => {
  it.each([
    ['HS256', web],
    ['ES256', native],
  ])('an ID token that ended 4 h ago (%s): EXPIRED', async (_, { id }) => {
    await withGateway({}, async ({ ask, issue, suspend }) => {
      const { idToken = '' } = issue({ channelId: id })
      expect(await wordFor(ask, idToken)).toBe('good')
      suspend(5 * HOUR)
      expect(await wordFor(ask, idToken)).toBe('EXPIRED')
      const { idToken: later = '' } = issue({ channelId: id })
      expect(await wordFor(ask, later)).toBe('good')
    })
  })

  it('an access token that ended an hour ago: EXPIRED', async () => {
    await withGateway({}, async ({ ask, issue, suspend }) => {
      const { accessToken } = issue({ expiresIn: 4 * 3_600 })
      const query = 'query ($accessToken: String!) { verifyAccessToken(accessToken: $accessToken) { active reason } }'
      const verified = async () => (await ask(query, { variables: { accessToken } })).data?.verifyAccessToken
      expect(await verified()).toEqual({ active: true, reason: null })
      suspend(5 * HOUR)
      expect(await verified()).toEqual({ active: false, reason: 'EXPIRED' })
    })
  })
})

async function withGateway(options: StartOptions, use: (gateway: RunningGateway) => Promise<void>): Promise<void> {
  const gateway = await startRunningGateway(settings, options)
  await use(gateway).finally(() => gateway.close())
}

/** `good`, or the reason of the refusal. */
async function wordFor(ask: RunningGateway['ask'], idToken: string): Promise<unknown> {
  const query = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }'
  const { errors } = await ask(query, { variables: { input: { idToken } } })
  return errors.length === 0 ? 'good' : errors[0]?.extensions.reason
}

function differenceMs(one: string, other: string): number {
  return Math.abs(Date.parse(one) - Date.parse(other))
}
