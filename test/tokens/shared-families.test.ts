import { expect, it } from 'vitest'
import type { WriteCommand } from '../../src/redis.ts'
import type { Family } from '../../src/tokens/families.ts'
import { createSharedFamilies } from '../../src/tokens/shared-families.ts'

const patiently = { timeout: 30_000 }

function familyOf(id: string, userId?: string): Family {
  return { id, channelId: '1', begunAt: undefined, begunTime: 0, userId }
}

/** A Redis that the test takes away. */
function store(limits: { readonly most?: number } = {}) {
  const state = { isAway: true, refusals: 0, batches: [] as number[], stored: new Map<string, string>(), broken: '' }
  const failures: unknown[] = []
  const families = createSharedFamilies({
    redis: { write },
    commandFor: (refreshKey, { userId = '' }) => {
      if (refreshKey === state.broken) throw new TypeError('a bug')
      return { set: refreshKey, value: Buffer.from(userId), forMs: 1 }
    },
    failed: (error) => failures.push(error),
    ...limits,
  })
  return { state, families, failures }

  async function write(commands: readonly WriteCommand[]) {
    if (state.isAway) {
      state.refusals += 1
      return 'away' as const
    }
    state.batches.push(commands.length)
    for (const one of commands) if ('set' in one) state.stored.set(one.set, one.value.toString())
    return commands.map(() => 'OK')
  }
}

it('sessions that began while Redis was away: stored when it is back, each in its newest form', async () => {
  const { state, families } = store()
  for (let n = 0; n < 120; n += 1) families.put(`${n}`, familyOf(`${n}`))
  await expect.poll(() => state.refusals, patiently).toBe(1)
  families.put('7', familyOf('7', 'U7'))
  expect(state.stored.size).toBe(0)
  state.isAway = false
  await expect.poll(() => state.stored.size, patiently).toBe(120)
  expect(state.stored.get('7')).toBe('U7')
  expect(state.batches).toEqual([50, 50, 20])
  await families.close()
})

it('more than the limit: the oldest ones are dropped', async () => {
  const { state, families } = store({ most: 3 })
  for (let n = 0; n < 5; n += 1) families.put(`${n}`, familyOf(`${n}`))
  state.isAway = false
  await expect.poll(() => state.batches, patiently).toEqual([3])
  expect([...state.stored.keys()]).toEqual(['2', '3', '4'])
  await families.close()
})

it('close: what Redis did not take is offered once more', async () => {
  const { state, families } = store()
  for (let n = 0; n < 120; n += 1) families.put(`${n}`, familyOf(`${n}`))
  await expect.poll(() => state.refusals, patiently).toBe(1)
  state.isAway = false
  await families.close()
  expect(state.stored.size).toBe(120)
})

it('a session whose command cannot be made: the others are stored, and it is offered again', async () => {
  const { state, families, failures } = store()
  Object.assign(state, { isAway: false, broken: '1' })
  for (let n = 0; n < 3; n += 1) families.put(`${n}`, familyOf(`${n}`))
  await expect.poll(() => [...state.stored.keys()], patiently).toEqual(['0', '2'])
  expect(failures.length).toBe(1)
  state.broken = ''
  await expect.poll(() => [...state.stored.keys()], patiently).toEqual(['0', '2', '1'])
  await families.close()
})
