import { expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, bearing } = useEmulator()

test('calls count by endpoint, refused ones too; pages and control do not', async () => {
  const { calls, issueTokens } = emulator()
  await bearing(issueTokens().accessToken, '/v2/profile')
  await bearing('junk', '/v2/profile')
  await get('/oauth2/v2.1/verify?access_token=junk')
  await get('/')
  await get('/emulator/calls')
  await get('/nowhere')
  expect([calls.total(), calls.of('profile'), calls.of('verifyAccessToken'), calls.of('verifyIdToken')]).toEqual([
    3, 2, 1, 0,
  ])
  expect(calls.byEndpoint()).toMatchObject({ profile: 2, verifyAccessToken: 1, token: 0 })
})

test('in flight now, and the most at once', async () => {
  const { calls, faults } = emulator()
  faults.set('profile', { latencyMs: 50 })
  const answers = [1, 2, 3].map(() => bearing('junk', '/v2/profile'))
  await expect.poll(() => calls.inFlight(), { interval: 2 }).toBe(3)
  await Promise.all(answers)
  expect([calls.inFlight(), calls.maxInFlight()]).toEqual([0, 3])
})

test('the last 100 calls, oldest first, with no credential in them', async () => {
  const { accessToken } = emulator().issueTokens()
  for (let call = 0; call < 105; call++) await get(`/oauth2/v2.1/verify?access_token=${accessToken}`)
  await bearing(accessToken, '/v2/profile')
  const recent = emulator().calls.recent()
  expect(recent).toHaveLength(100)
  expect(recent.at(-1)).toEqual({ endpoint: 'profile', method: 'GET', status: 200, at: expect.any(Number) })
  expect(JSON.stringify(recent)).not.toContain(accessToken)
})

test('reset starts counting anew', async () => {
  const { calls } = emulator()
  await bearing('junk', '/v2/profile')
  calls.reset()
  expect([calls.total(), calls.maxInFlight(), calls.recent()]).toEqual([0, 0, []])
})
