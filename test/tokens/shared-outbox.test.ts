import { expect, it } from 'vitest'
import type { Redis } from '../../src/redis.ts'
import type { SharedEvent } from '../../src/tokens/shared-events.ts'
import { createOutbox } from '../../src/tokens/shared-outbox.ts'
import { times } from '../harness/token-layer.ts'

type Reply = Awaited<ReturnType<Redis['write']>>

/** A Redis that answers when the test says so. It gets each event as the text of `textOf`. A text in `broken` cannot be made. */
function begin() {
  const broken = new Set<string>()
  const failures: unknown[] = []
  const writes: { readonly texts: readonly string[]; end(reply?: Reply): void }[] = []
  const redis: { write: Redis['write'] } = {
    write: (commands) =>
      new Promise((resolve) => {
        const texts = commands.map((command) => ('value' in command ? command.value.toString() : ''))
        writes.push({ texts, end: (reply = texts.map((_, n) => `${n}-0`)) => resolve(reply) })
      }),
  }
  const commandsFor = (event: SharedEvent) => {
    if (broken.has(textOf(event))) throw new TypeError('a bug')
    return [{ append: 'stream', value: Buffer.from(textOf(event)) }]
  }
  const steady = performance.now.bind(performance)
  const outbox = createOutbox({ redis, commandsFor, steady, failed: (error) => failures.push(error) })
  return {
    outbox,
    writes,
    broken,
    failures,
    redis,
    write: (n: number) => expect.poll(() => writes[n]?.texts, { timeout: 30_000 }),
  }
}

const event = (key: string, until = 0): SharedEvent => ({
  ...{ kind: 'token', key, channelId: '1', isConfirmed: false, until },
})
const textOf = (one: SharedEvent) => (one.kind === 'token' ? `${one.key} ${one.until}` : one.kind)

/** The names of those that have ended, in their order. */
function ended(waits: Readonly<Record<string, Promise<void>>>): string[] {
  const names: string[] = []
  for (const [name, wait] of Object.entries(waits)) void wait.then(() => names.push(name))
  return names
}

it('a caller waits for its own event, not for the later ones', async () => {
  const { outbox, writes, write } = begin()
  outbox.add(event('a'))
  const a = outbox.written()
  await write(0).toEqual(['a 0'])
  outbox.add(event('b'))
  writes[0]?.end()
  await a
  await write(1).toEqual(['b 0'])
  expect(outbox.size()).toBe(1)
})

it('200 events at once: each caller is released with the batch of its event', async () => {
  const { outbox, writes, write } = begin()
  const names = ended(
    Object.fromEntries(
      times(200, (n) => {
        outbox.add(event(`${n}`))
        return [`${n}`, outbox.written()]
      }),
    ),
  )
  await write(0).toHaveLength(50)
  writes[0]?.end()
  await expect.poll(() => names.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(50)
  expect(names.slice(0, 50)).toEqual(times(50, String))
})

it('Redis hangs: a caller waits for 100 ms, however many batches there are', async () => {
  const { outbox, writes } = begin()
  times(200, (n) => outbox.add(event(`${n}`)))
  await outbox.written()
  expect(writes).toHaveLength(1)
})

it('Redis does not take a batch: nobody waits, and all of it is written later, the newest version', async () => {
  const { outbox, writes, write } = begin()
  times(60, (n) => outbox.add(event(`${n}`)))
  await write(0).toHaveLength(50)
  outbox.add(event('0', 1))
  const all = outbox.written()
  writes[0]?.end('away')
  await all
  expect(outbox.size()).toBe(60)
  await write(1).toHaveLength(50)
  writes[1]?.end()
  await write(2).toHaveLength(10)
  expect(writes.slice(1).flatMap(({ texts }) => texts)).toContain('0 1')
  expect(writes.slice(1).flatMap(({ texts }) => texts)).not.toContain('0 0')
})

it('a new event is written before those that Redis did not take', async () => {
  const { outbox, writes, write } = begin()
  times(60, (n) => outbox.add(event(`${n}`)))
  await write(0).toHaveLength(50)
  writes[0]?.end('away')
  await expect.poll(() => outbox.size()).toBe(60)
  outbox.add(event('new'))
  await write(1).toContain('new 0')
  expect(writes[1]?.texts[0]).toBe('new 0')
})

it('flush: what Redis did not take is written once more, without waiting for the retry', async () => {
  const { outbox, writes, write } = begin()
  times(60, (n) => outbox.add(event(`${n}`)))
  await write(0).toHaveLength(50)
  writes[0]?.end('away')
  await expect.poll(() => outbox.size(), { timeout: 30_000 }).toBe(60)
  const flushed = outbox.flush()
  await write(1).toHaveLength(50)
  writes[1]?.end()
  await write(2).toHaveLength(10)
  writes[2]?.end()
  await flushed
  expect(outbox.size()).toBe(0)
})

it('an event whose command cannot be made: the others are written, and it is offered again', async () => {
  const { outbox, writes, write, broken, failures } = begin()
  broken.add('b 0')
  for (const key of ['a', 'b', 'c']) outbox.add(event(key))
  await write(0).toEqual(['a 0', 'c 0'])
  writes[0]?.end()
  await expect.poll(() => outbox.size(), { timeout: 30_000 }).toBe(1)
  expect([outbox.lastId(), failures.length]).toEqual(['1-0', 1])
  broken.clear()
  await expect.poll(() => writes.flatMap(({ texts }) => texts), { timeout: 30_000 }).toContain('b 0')
})

it('a write that rejects, which no Redis of ours does: the events are offered again', async () => {
  const { outbox, writes, write, failures, redis } = begin()
  const { write: good } = redis
  redis.write = () => Promise.reject(new TypeError('a bug'))
  outbox.add(event('a'))
  await expect.poll(() => failures.length, { timeout: 30_000 }).toBe(1)
  expect([outbox.size(), writes.length]).toEqual([1, 0])
  redis.write = good
  await write(0).toEqual(['a 0'])
})
