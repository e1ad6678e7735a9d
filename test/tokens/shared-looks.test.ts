import { expect, it, vi } from 'vitest'
import { createSharedLooks } from '../../src/tokens/shared-looks.ts'
import { times } from '../harness/token-layer.ts'

const nothing = { record: undefined, rawTombstone: undefined, rawRecord: undefined }

/** A Redis in which each token has a tombstone: its key. */
function createLooks() {
  let isAway = true
  const failed = vi.fn((_error: unknown) => {})
  const learn = vi.fn((_tombstone: Buffer) => {})
  const look = vi.fn(async (keys: readonly string[]) =>
    isAway ? 'away' : keys.map((key) => ({ ...nothing, tombstone: Buffer.from(key) })),
  )
  const shared = { learn, learnAbout: async () => true }
  const looks = createSharedLooks({ store: { look }, shared, now: () => 7, failed })
  const learned = () => new Set(learn.mock.calls.map(([key]) => String(key)))
  return { looks, look, learn, learned, failed, back: () => (isAway = false) }
}

it('tokens that were looked up while Redis was away: looked up in hundreds at the next answer', async () => {
  const { looks, look, learned, back } = createLooks()
  const keys = times(250, (n) => `key ${n}`)
  for (const key of keys) expect(await looks.look([key])).toBe('away')
  back()
  look.mockClear()
  await looks.look(['another'])
  await vi.waitUntil(() => learned().size === 251, { timeout: 30_000 })
  expect(look.mock.calls.map(([some]) => some.length)).toEqual([1, 100, 100, 50])
  expect(looks.missedAt()).toBe(Number.NEGATIVE_INFINITY)
  looks.close()
})

it('no further look-up: they are looked up all the same', async () => {
  const { looks, learned, back } = createLooks()
  await looks.look(['key'])
  back()
  await vi.waitUntil(() => learned().has('key'), { timeout: 30_000 })
  looks.close()
})

it('more tokens than fit: all records count as missed, once Redis is back', async () => {
  const { looks, back } = createLooks()
  await looks.look(times(10_000, String))
  await looks.look(['one of them too many'])
  expect(looks.missedAt()).toBe(Number.NEGATIVE_INFINITY)
  back()
  await looks.look(['another'])
  await vi.waitUntil(() => looks.missedAt() === 7, { timeout: 30_000 })
  looks.close()
})

it('an unexpected error in a look-up for nobody: reported, and the tokens are looked up again', async () => {
  const { looks, learn, learned, failed, back } = createLooks()
  await looks.look(['key'])
  const bug = new TypeError('a bug')
  learn.mockImplementationOnce(() => {
    throw bug
  })
  back()
  await vi.waitUntil(() => learn.mock.calls.length === 2, { timeout: 30_000 })
  expect([learned(), failed.mock.calls]).toEqual([new Set(['key']), [[bug]]])
  looks.close()
})
