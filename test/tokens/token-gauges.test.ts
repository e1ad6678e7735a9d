import { afterAll, beforeAll, expect, it } from 'vitest'
import { writeRecord } from '../../src/tokens/record-codec.ts'
import { metricValue } from '../harness/metric-value.ts'
import { callerAt, here, junk, type Layer, oneBurst, oneChannel, startLayer, times } from '../harness/token-layer.ts'

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

async function read(): Promise<{ readonly counts: readonly number[]; readonly bytes: number }> {
  const text = await layer.metrics()
  const value = (name: string) => metricValue(text, name)
  return { counts: names.map(value), bytes: value('gateway_record_bytes') }
}

it('an empty process', async () => {
  expect(await read()).toEqual({ counts: [0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], bytes: 0 })
})

it('four tokens in a memory for three, one logged out, a user who left, and a client with many bad tokens', async () => {
  const [one, two, ...others] = [layer.issue(), layer.issue(), layer.issue(), layer.issue()]
  const texts: string[] = []
  for (const token of [one, two, ...others]) {
    const answer = await layer.ask(token, 'profile')
    if (answer.verdict === 'valid') texts.push(writeRecord(answer.record, 0))
  }
  const before = await read()
  expect(before.bytes).toBe(Buffer.byteLength(texts.slice(1).join(''), 'latin1'))
  expect(before.counts.slice(0, 3)).toEqual([3, 0, 1])
  await layer.revocation.logout(two, two.refreshToken, here)
  expect((await read()).bytes).toBe((before.bytes * 2) / 3)
  await layer.revocation.deauthorize(others[0] ?? two, here)
  for (let n = 0; n < 20; n += 1) await layer.ask(junk(n), 'verification', callerAt('203.0.113.7'))
  expect((await read()).counts).toEqual([1, 20, 3, 3, 2, 1, 1, 0, 1, expect.any(Number), 0])
})

it('more new tokens of one client at once than may be bad: those over the burst wait until LINE has answered', async () => {
  layer.answers.hold()
  const asked = times(22, (n) => layer.ask(junk(100 + n), 'verification', callerAt('203.0.113.8')))
  await expect.poll(layer.answers.waiting, { timeout: 30_000 }).toBe(20)
  expect((await read()).counts.at(-1)).toBe(2)
  await layer.answers.release()
  await Promise.all(asked)
  expect((await read()).counts.at(-1)).toBe(0)
})
