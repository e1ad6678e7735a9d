import { expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, getWithToken, send } = useEmulator()

test('calls are counted by endpoint, also refused ones; pages and the control endpoint are not counted', async () => {
  const { calls, issueTokens } = emulator()
  await getWithToken(issueTokens().accessToken, '/v2/profile')
  await getWithToken('junk', '/v2/profile')
  await get('/oauth2/v2.1/verify?access_token=junk')
  await get('/')
  await get('/emulator/calls')
  await get('/nowhere')
  expect([calls.total(), calls.of('profile'), calls.of('verifyAccessToken'), calls.of('verifyIdToken')]).toEqual([
    3, 2, 1, 0,
  ])
  expect(calls.byEndpoint()).toMatchObject({ profile: 2, verifyAccessToken: 1, token: 0 })
})

test('three calls at once: 3 in flight, then 0; the maximum stays 3', async () => {
  const { calls, faults } = emulator()
  const client = new AbortController()
  faults.set('profile', { hang: true })
  const ended = Promise.allSettled([1, 2, 3].map(() => send('/v2/profile', { signal: client.signal })))
  await expect.poll(() => calls.inFlight(), { timeout: 30_000 }).toBe(3)
  client.abort()
  await ended
  await expect.poll(() => calls.inFlight(), { timeout: 30_000 }).toBe(0)
  expect(calls.maxInFlight()).toBe(3)
})

test('a call whose client has the answer: no longer in flight', async () => {
  const { calls, faults } = emulator()
  faults.set('profile', { latencyMs: 50 })
  await Promise.all([1, 2, 3].map(() => getWithToken('junk', '/v2/profile')))
  expect(calls.inFlight()).toBe(0)
})

test('recent: the last 100 calls, oldest first, without credentials', async () => {
  const { accessToken } = emulator().issueTokens()
  for (let call = 0; call < 105; call++) await get(`/oauth2/v2.1/verify?access_token=${accessToken}`)
  await getWithToken(accessToken, '/v2/profile')
  const recent = emulator().calls.recent()
  expect(recent).toHaveLength(100)
  expect(recent.at(-1)).toEqual({ endpoint: 'profile', method: 'GET', status: 200, at: expect.any(Number) })
  expect(JSON.stringify(recent)).not.toContain(accessToken)
})

test('reset: all counts are 0', async () => {
  const { calls } = emulator()
  await getWithToken('junk', '/v2/profile')
  calls.reset()
  expect([calls.total(), calls.maxInFlight(), calls.recent()]).toEqual([0, 0, []])
})
