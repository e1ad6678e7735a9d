import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { InvalidGrant, isLineOutage, type LineOutage, LineUnavailable } from '../line/errors.ts'
import { type CommandOptions, patientOptions, type Redis, type Script } from '../redis.ts'
import { unlessOlder, withTime } from '../tokens/shared-age.ts'
import { type Leases, leaseMs, luaToGet } from '../tokens/shared-leases.ts'
import type { SharedName, SharedNames } from '../tokens/shared-names.ts'
import { readOutage, writeOutage } from '../tokens/shared-outcomes.ts'

/**
 * Exchanges a code that no replica has exchanged before. `spent`: the code already had its tokens or its refusal, or another
 * replica's attempt ended so while we waited for it. Rejects as `exchange` does, or with the outage of that attempt.
 */
export type ExchangeOnce = <Result extends object>(
  mark: string,
  deadline: number,
  exchange: () => Promise<Result>,
) => Promise<Result | 'spent'>

/** For one process, its own attempts and marks are enough. */
export const exchangeAtOnce: ExchangeOnce = (_mark, _deadline, exchange) => exchange()

export type SharedCodesOptions = {
  readonly redis: Redis
  readonly names: SharedNames
  readonly leases: Leases
  readonly times: Pick<Clock, 'wall'>
}

/** The lifetime of LINE's codes. */
const spentForMs = 10 * 60 * 1_000
/** Long enough for those who wait for the attempt that ended in this outage. */
const outageForMs = 2_000
const keptForMs = { c: spentForMs, o: outageForMs } as const
const ownerBytes = 16
/** A lease that is waited for may be one that never ends: `enter` sees that. */
const recheckMs = 2 * leaseMs
const nothing = Buffer.alloc(0)

type Values = readonly (Buffer | undefined)[]
/** Our own. `options`: for the commands of this operation. */
type Lease = Peer & { readonly options: CommandOptions }
type Peer = { readonly name: SharedName; readonly owner: Buffer }

/**
 * The entry of a code is a lease while an attempt is under way, and a mark after it had its tokens or its refusal. An outage
 * removes it, because the code may still be good. LINE refuses a spent code itself, so without Redis LINE is asked.
 */
export function createSharedCodes({ redis, names, leases, times }: SharedCodesOptions): ExchangeOnce {
  return exchangeOnce

  async function exchangeOnce<Result extends object>(mark: string, deadline: number, exchange: () => Promise<Result>) {
    const owner = randomBytes(ownerBytes)
    const options = patientOptions()
    while (performance.now() < deadline) {
      const entered = await enter(mark, owner, options)
      if (entered === 'spent') return entered
      if (entered === 'away') return exchange()
      if (entered === 'mine')
        return exchangeWithLease({ name: names.entriesOf('code', mark).write, owner, options }, exchange)
      const end = await endOf(entered, deadline)
      if (end === 'spent') return end
      if (end === 'away') return exchange()
      if (end instanceof Error) throw end
    }
    throw new LineUnavailable('Another replica still waits for LINE: try again later', { retryAfter: 1 })
  }

  async function enter(
    mark: string,
    owner: Buffer,
    options: CommandOptions,
  ): Promise<'mine' | 'spent' | 'away' | Peer> {
    const { read } = names.entriesOf('code', mark)
    const keys = read.map((name) => name.keyOf('c'))
    const reply = await redis.run(enterCode, keys, [owner, leaseMs], options)
    if (reply === 1) return 'mine'
    if (!Array.isArray(reply)) return 'away'
    const [place, value] = reply
    const name = read[place - 1]
    if (name === undefined || !Buffer.isBuffer(value)) return 'away'
    if (value.length === ownerBytes) return { name, owner: value }
    return open(name, 'c', value) === undefined ? 'away' : 'spent'
  }

  /** `gone`: the attempt ended without an answer of LINE, or its process died. */
  function endOf({ name, owner }: Peer, deadline: number) {
    const until = Math.min(deadline, performance.now() + recheckMs)
    return leases.watch([name.keyOf('c'), name.keyOf('o')], look, until, { patient: true })

    function look([code, outcome]: Values): 'spent' | 'gone' | LineOutage | undefined {
      if (code?.equals(owner)) return undefined
      if (code !== undefined && code.length > ownerBytes && open(name, 'c', code) !== undefined) return 'spent'
      const opened = outcome && open(name, 'o', outcome)
      const isTheirs = opened?.subarray(0, ownerBytes).equals(owner) === true
      return (isTheirs && readOutage(opened.subarray(ownerBytes))) || 'gone'
    }
  }

  function seal(name: SharedName, suffix: 'c' | 'o', value: Buffer): Buffer {
    return name.seal(suffix, withTime(value, times.wall()))
  }

  function open(name: SharedName, suffix: 'c' | 'o', sealed: Buffer): Buffer | undefined {
    const opened = name.open(suffix, sealed)
    return opened && unlessOlder(keptForMs[suffix], opened, times.wall())
  }

  async function exchangeWithLease<Result>(lease: Lease, exchange: () => Promise<Result>) {
    const letGo = leases.hold(lease.name.keyOf('c'), lease.owner)
    try {
      const result = await exchange()
      await spend(lease)
      return result
    } catch (error) {
      if (error instanceof InvalidGrant) await spend(lease)
      else await free(lease, isLineOutage(error) && error.answered ? error : undefined)
      throw error
    } finally {
      letGo()
    }
  }

  async function spend({ name, options }: Lease): Promise<void> {
    await redis.write([{ set: name.keyOf('c'), value: seal(name, 'c', nothing), forMs: spentForMs }], options)
  }

  /** Those who wait get the outage, if LINE answered with it. Who comes later asks LINE. */
  async function free({ name, owner, options }: Lease, outage: LineOutage | undefined): Promise<void> {
    const sealed = outage === undefined ? nothing : seal(name, 'o', Buffer.concat([owner, writeOutage(outage)]))
    await redis.run(freeCode, [name.keyOf('c'), name.keyOf('o')], [owner, sealed, outageForMs], options)
  }
}

/** Keys: the entry under every secret. The first is the one to write. */
const enterCode: Script = {
  name: 'enterCode',
  lua: `${luaToGet}
    for i, key in ipairs(KEYS) do
      local value = getFor(key, ${spentForMs})
      if value and #value == ${ownerBytes} then value = getFor(key, ARGV[2]) end
      if value then return {i, value} end
    end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1`,
}

const freeCode: Script = {
  name: 'freeCode',
  lua: `${luaToGet}
    if get(KEYS[1]) ~= ARGV[1] then return 0 end
    redis.call('DEL', KEYS[1])
    if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
    return 1`,
}
