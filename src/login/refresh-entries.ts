import type { CommandOptions, Redis, Reply, Script } from '../redis.ts'
import { unlessOlder, withTime } from '../tokens/shared-age.ts'
import { leaseMs, luaToGet } from '../tokens/shared-leases.ts'
import type { SharedNames } from '../tokens/shared-names.ts'
import { readShared } from '../tokens/shared-read.ts'
import {
  type Rank,
  type Refreshed,
  type RefreshOutcome,
  rankOf,
  ranks,
  readOutcome,
  type Times,
  writeOutcome,
} from './refresh-outcomes.ts'
import { createOffers } from './shared-offers.ts'

/**
 * What Redis holds for one refresh token: the lease, the answer, and a mark that a call to LINE began and has not ended. The
 * mark outlives the lease of a process that stopped. An answer has its rank before the sealed part, because a script cannot
 * open it.
 */
export type RefreshEntry = {
  /** The key of the lease. */
  readonly lease: string
  /** The keys for `look`. */
  readonly watched: readonly string[]
  /**
   * `taken over`: the lease is ours, but a call of another process may still be under way, or has ended with an answer that
   * cannot be used.
   */
  enter(owner: Buffer, stale: Buffer): Promise<'mine' | 'taken over' | 'theirs' | 'away' | Seen>
  /** `gone`: there is neither an answer nor a lease. */
  look(values: Values, stale: Buffer): Seen | 'gone' | undefined
  lookForSuccess(values: Values, stale: Buffer): Refreshed | undefined
  /** Ends the lease and leaves the outcome for the others. `first`: the success that was there before ours and stays. */
  settle(owner: Buffer, outcome: RefreshOutcome, stale: Buffer): Promise<Settled>
  /** Ends the lease and leaves nothing. */
  release(owner: Buffer): Promise<void>
}

/** An outcome with the bytes that Redis has for it. */
export type Seen = { readonly outcome: RefreshOutcome; readonly value: Buffer }

/** `isMine`: the lease was still ours. */
export type Settled = { readonly isMine: boolean; readonly first?: Refreshed | undefined }

export type RefreshEntries = {
  /** `options`: of the operation that needs it. */
  of(key: string, options: CommandOptions): RefreshEntry
  /** Whether answers of the last 30 s may be missing: Redis went away, came back, or has lost its data. */
  wereLost(): boolean
  /** Whether Redis has a tombstone for this access token. */
  isRevoked(accessKey: string, options: CommandOptions): Promise<boolean>
}

type Values = readonly (Buffer | undefined)[]

export type RefreshEntriesOptions = { readonly redis: Redis; readonly names: SharedNames; readonly times: Times }

const keptForMs: Record<Rank, number> = { [ranks.success]: 30_000, [ranks.refused]: 5_000, [ranks.open]: 2_000 }
/** A process that stopped for longer than this has lost its call to LINE too. */
const markedForMs = 10_000
/** If there are more, somebody else writes them now. */
const mostUnusable = 8
const nothing = Buffer.alloc(0)
/** For what nobody waits for. */
const later: CommandOptions = { patient: true }

export function createRefreshEntries({ redis, names, times }: RefreshEntriesOptions): RefreshEntries {
  const offers = createOffers()
  const birthKey = names.entriesOf('stream', 'refreshes').write.keyOf('o')
  /** `away`, or the birth of the data in Redis: random bytes that are written where there are none. */
  let state: string | undefined
  let changedAt = Number.NEGATIVE_INFINITY

  return { of, wereLost: () => performance.now() - changedAt < keptForMs[ranks.success], isRevoked }

  function note(next: string): void {
    if (state !== undefined && state !== next) changedAt = performance.now()
    state = next
  }

  async function isRevoked(accessKey: string, options: CommandOptions): Promise<boolean> {
    const tombstone = { names: names.tombstonesOf('access', accessKey), suffix: 't' } as const
    const found = await readShared(redis, [tombstone], options)
    return found !== 'away' && found[0]?.value !== undefined
  }

  function of(key: string, options: CommandOptions): RefreshEntry {
    const { read } = names.entriesOf('refresh', key)
    const [own] = read
    const leases = read.map((name) => name.keyOf('l'))
    const watched = [...leases, ...read.map((name) => name.keyOf('a'))]
    const keys = [...watched, ...read.map((name) => name.keyOf('o')), birthKey]
    /** Answers that are too old, or that we did not write. They count as absent. */
    const unusable: Buffer[] = []

    return { lease: own.keyOf('l'), watched, enter, look, lookForSuccess, settle, release }

    async function enter(owner: Buffer, stale: Buffer): ReturnType<RefreshEntry['enter']> {
      const reply = await redis.run(enterRefresh, keys, [owner, leaseMs, markedForMs, stale, ...unusable], options)
      if (!Array.isArray(reply)) return lost()
      const [birth, state, answer] = reply
      note(String(birth))
      if (answer === undefined) return state === 1 && unusable.length > 0 ? 'taken over' : (entered[state] ?? 'away')
      const seen = seenIn(state, answer)
      if (seen !== undefined || unusable.length === mostUnusable) return seen ?? 'away'
      unusable.push(answer)
      return enter(owner, stale)
    }

    function lost(): 'away' {
      note('away')
      return 'away'
    }

    function look(values: Values, stale: Buffer) {
      const answers = values.slice(read.length)
      const found = answers.map((value, index) => (isIgnored(value, stale) ? undefined : seenIn(index + 1, value)))
      const seen = found.find((one) => one !== undefined)
      return seen ?? (values.some((value, index) => index < read.length && value !== undefined) ? undefined : 'gone')
    }

    function isIgnored(value: Buffer | undefined, stale: Buffer): boolean {
      return value !== undefined && [stale, ...unusable].some((one) => one.equals(value))
    }

    function lookForSuccess(values: Values, stale: Buffer): Refreshed | undefined {
      const seen = look(values, stale)
      return typeof seen === 'object' && !(seen.outcome instanceof Error) ? seen.outcome : undefined
    }

    async function settle(owner: Buffer, outcome: RefreshOutcome, stale: Buffer): Promise<Settled> {
      const rank = rankOf(outcome)
      const dated = withTime(writeOutcome(outcome, times), times.wall())
      const value = Buffer.concat([Buffer.from(rank), own.seal('a', dated)])
      const put = (forMs: number, limits = later) =>
        redis.run(settleRefresh, keys, [owner, rank, value, Math.ceil(forMs), stale, ...unusable], limits)
      const reply = await put(keptForMs[rank], options)
      if (!Array.isArray(reply) && rank === ranks.success) offers.add(keptForMs[rank], put)
      return settledIn(reply)
    }

    async function release(owner: Buffer): Promise<void> {
      await redis.run(settleRefresh, keys, [owner, '', nothing, 1, nothing], later)
    }

    function settledIn(reply: Reply): Settled {
      if (!Array.isArray(reply)) lost()
      if (!Array.isArray(reply)) return { isMine: false }
      const seen = seenIn(reply[1], reply[2])
      return { isMine: reply[0] === 1, first: seen?.outcome instanceof Error ? undefined : seen?.outcome }
    }

    function seenIn(place: unknown, value: unknown): Seen | undefined {
      if (typeof place !== 'number' || !Buffer.isBuffer(value)) return undefined
      const opened = read[place - 1]?.open('a', value.subarray(1))
      const rank = value.toString('latin1', 0, 1) as Rank
      const text = opened && unlessOlder(keptForMs[rank], opened, times.wall())
      const outcome = text && readOutcome(text, times)
      return outcome && rankOf(outcome) === rank ? { outcome, value } : undefined
    }
  }
}

/** What the script replies where there is no answer yet. */
const entered = ['theirs', 'mine', 'taken over'] as const

/**
 * Keys: the leases, the answers and the marks, each under every secret, the first of each is the one to write; then the birth
 * of the data.
 */
const enterRefresh: Script = {
  name: 'enterRefresh',
  lua: `${luaToGet}
    local n = (#KEYS - 1) / 3
    local owner, leaseMs, markedForMs = unpack(ARGV)
    local ignored = {}
    for i = 4, #ARGV do ignored[ARGV[i]] = true end
    local birth = get(KEYS[#KEYS]) or owner
    for i = 1, n do
      local answer = get(KEYS[n + i])
      if answer and not ignored[answer] then return {birth, i, answer} end
    end
    local isMarked = false
    for i = 1, n do
      if getFor(KEYS[i], leaseMs) then return {birth, 0} end
      if getFor(KEYS[2 * n + i], markedForMs) then isMarked = true end
    end
    redis.call('SET', KEYS[1], owner, 'PX', leaseMs)
    if birth == owner then redis.call('SET', KEYS[#KEYS], birth) end
    if isMarked then return {birth, 2} end
    redis.call('SET', KEYS[2 * n + 1], owner, 'PX', markedForMs)
    return {birth, 1}`,
}

/** A refusal counts only from the process with the lease. An answer that must not be used is removed. */
const settleRefresh: Script = {
  name: 'settleRefresh',
  lua: `${luaToGet}
    local n = (#KEYS - 1) / 3
    local owner, rank, value, forMs = unpack(ARGV)
    local ignored = {}
    for i = 5, #ARGV do ignored[ARGV[i]] = true end
    local isMine = get(KEYS[1]) == owner
    if isMine then redis.call('DEL', KEYS[1]) end
    if get(KEYS[2 * n + 1]) == owner then redis.call('DEL', KEYS[2 * n + 1]) end
    local bestRank = ''
    for i = 1, n do
      local answer = get(KEYS[n + i])
      if answer and ignored[answer] then
        redis.call('DEL', KEYS[n + i])
      elseif answer then
        local itsRank = string.sub(answer, 1, 1)
        if itsRank == '${ranks.success}' then return {isMine and 1 or 0, i, answer} end
        if itsRank > bestRank then bestRank = itsRank end
      end
    end
    local isFinal = rank ~= '${ranks.refused}' or isMine
    if rank ~= '' and rank >= bestRank and isFinal then redis.call('SET', KEYS[n + 1], value, 'PX', forMs) end
    return {isMine and 1 or 0}`,
}
