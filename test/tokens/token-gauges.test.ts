import { afterAll, beforeAll, expect, it } from 'vitest'
import { callerAt, here, junk, type Layer, oneBurst, oneChannel, startLayer } from '../harness/token-layer.ts'

let layer: Layer
beforeAll(async () => {
  layer = await startLayer({ ...oneChannel, ...oneBurst, CACHE_MAX_TOKENS: '3' })
})
afterAll(() => layer.close())

const names = [
  'gateway_records{kind="record"}',
  'gateway_records{kind="refusal"}',
  'gateway_records{kind="origin"}',
  'gateway_records_max',
  'gateway_tombstones{kind="token"}',
  'gateway_tombstones{kind="session"}',
  'gateway_tombstones{kind="user"}',
  'gateway_tombstones{kind="stranger"}',
  'gateway_sources{state="limited"}',
  'gateway_sources{state="other"}',
  'gateway_attempts_waiting',
]

async function read(): Promise<number[]> {
  return Promise.all(names.map(layer.metric))
}

it('an empty process', async () => {
  expect(await read()).toEqual([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
  expect(await layer.metric('gateway_record_bytes')).toBe(0)
})

it('four tokens in a memory for three, one logged out, a user who left, and a client with many bad tokens', async () => {
  const [one, two, ...others] = [layer.issue(), layer.issue(), layer.issue(), layer.issue()]
  for (const token of [one, two, ...others]) await layer.ask(token, 'profile')
  const before = await layer.metric('gateway_record_bytes')
  expect(before).toBeGreaterThan(3 * 20)
  expect((await read()).slice(0, 3)).toEqual([3, 0, 1])
  await layer.revocation.logout(two, two.refreshToken, here)
  expect(await layer.metric('gateway_record_bytes')).toBe((before * 2) / 3)
  await layer.revocation.deauthorize(others[0] ?? two, here)
  for (let n = 0; n < 20; n += 1) await layer.ask(junk(n), 'verification', callerAt('203.0.113.7'))
  expect(await read()).toEqual([1, 20, 3, 3, 2, 1, 1, 0, 1, expect.any(Number), 0])
})
