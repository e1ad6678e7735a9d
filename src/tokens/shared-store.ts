import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Away, Redis, Refused, Script, Value } from '../redis.ts'
import type { EntrySuffix } from '../telemetry/metric-labels.ts'
import { merge, type Subject, shiftTimes, type TokenRecord } from './record.ts'
import { StoredRecord, writeRecord } from './record-codec.ts'
import { unlessOlder, withTime } from './shared-age.ts'
import { leaseMs, luaToGet } from './shared-leases.ts'
import type { SharedNames } from './shared-names.ts'
import { readShared } from './shared-read.ts'

/** The records of access tokens in Redis, and the leases of those who ask LINE about them. All values are encrypted. */
export type SharedStore = {
  /** What there is about each of these tokens, all read at one moment. */
  look(keys: readonly string[]): Promise<readonly Entries[] | Away>
  /** Takes the lease for one subject, unless there is something new about the token. */
  enter(key: string, subject: Subject, seen: Entries): Promise<Entered | Refused | Away>
  /** The two entries and the lease, as `watch` of the leases reads them. */
  keysOf(key: string, subject: Subject): readonly string[]
  /** The values of `keysOf`. */
  read(key: string, subject: Subject, values: readonly (Buffer | undefined)[]): Entries & { readonly lease: Lease }
  /** Stores the record that the holder of the lease has got, merged with what is there, and ends the lease. */
  land(lease: Held, record: TokenRecord): Promise<Landed>
  /**
   * Ends the lease without a record. `outcome`: what LINE answered, for those who ask within two seconds. `isRefused`: LINE has
   * refused the token, so the stored record is deleted, under all secrets. Resolves with whether there was one.
   */
  conclude(
    lease: Held,
    ending: { readonly outcome?: Buffer | undefined; readonly isRefused: boolean },
  ): Promise<boolean>
  /** Stores a record that needed no lease, because LINE has just issued the token. One that is there knows more. */
  put(key: string, record: TokenRecord): void
}

/** What could be opened, and the bytes as they are stored, to notice a change. */
export type Entries = {
  readonly tombstone: Buffer | undefined
  readonly record: TokenRecord | undefined
  readonly rawTombstone: Buffer | undefined
  readonly rawRecord: Buffer | undefined
}

/** `held`: another flight has it. `free`: nobody has it, or nobody can read it. Or the outcome of the last flight. */
export type Lease = 'held' | 'free' | { readonly outcome: Buffer }

/** A lease of this process. `seen`: the entries when it was taken. */
export type Held = {
  readonly key: string
  readonly subject: Subject
  readonly leaseKey: string
  readonly owner: Buffer
  readonly seen: Entries
}

export type Entered =
  | { readonly state: 'changed'; readonly entries: Entries }
  | { readonly state: 'mine'; readonly lease: Held }
  | { readonly state: 'theirs'; readonly lease: Lease }

/** The tombstone, if the token was forgotten in the meantime. */
export type Landed = { readonly tombstone?: Buffer | undefined }

export type SharedStoreOptions = {
  readonly redis: Redis
  readonly names: SharedNames
  readonly isOurs: (channelId: string) => boolean
  readonly clock: Pick<Clock, 'toWall' | 'fromWall' | 'now' | 'wall'>
}

/** Shorter than the retry of an impatient client, longer than the burst that asks at once, and than a lease. */
const outcomeMs = 2_000
/** A record is not used in its last seconds, because the clock of its writer can be slower than ours. */
const mostMarginMs = 5_000
const mostMerges = 3

const leaseSuffixes: Record<Subject, EntrySuffix> = { verification: 'l', profile: 'p', userinfo: 'i', friendship: 'd' }

/** The first byte of a lease. */
const owned = Buffer.from('o')
const concluded = Buffer.from('x')

/** KEYS: tombstone, record, lease. ARGV: the first two as they are known, our lease, its ms. */
const enterScript: Script = {
  name: 'enterFlight',
  lua: `${luaToGet}
    local t = get(KEYS[1]) or ''
    local r = get(KEYS[2]) or ''
    if t ~= ARGV[1] or (r ~= '' and r ~= ARGV[2]) then return { 'changed', t, r } end
    local l = getFor(KEYS[3], ${outcomeMs})
    if l then return { 'theirs', l } end
    local taken = redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
    return { taken.err and 'refused' or 'mine' }`,
}

/**
 * KEYS: tombstone, record, lease, the record's names under other secrets. ARGV: the first two as they are known, our lease,
 * the new record, its ms.
 */
const landScript: Script = {
  name: 'landFlight',
  lua: `${luaToGet}
    local t = get(KEYS[1]) or ''
    local r = get(KEYS[2]) or ''
    local isOurs = get(KEYS[3]) == ARGV[3]
    if t ~= ARGV[1] or (isOurs and r ~= ARGV[2]) then return { 'changed', t, r } end
    if isOurs then
      local stored = redis.pcall('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
      redis.call('DEL', KEYS[3])
      for other = 4, stored.err and 0 or #KEYS do redis.call('DEL', KEYS[other]) end
    end
    return { 'landed' }`,
}

/** KEYS: lease, all names of the record. ARGV: our lease, whether the token was refused, the outcome, its ms. */
const concludeScript: Script = {
  name: 'concludeFlight',
  lua: `${luaToGet}
    local deleted = ARGV[2] == '1' and redis.call('DEL', unpack(KEYS, 2)) or 0
    if get(KEYS[1]) == ARGV[1] then
      local kept = ARGV[3] ~= '' and not redis.pcall('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]).err
      if not kept then redis.call('DEL', KEYS[1]) end
    end
    return deleted`,
}

export function createSharedStore({ redis, names, isOurs, clock }: SharedStoreOptions): SharedStore {
  return { look, enter, keysOf, read, land, conclude, put }

  async function look(keys: readonly string[]): Promise<readonly Entries[] | Away> {
    const found = await readShared(redis, [
      ...keys.map((key) => ({ names: names.tombstonesOf('access', key), suffix: 't' as const })),
      ...keys.map((key) => ({ names: names.entriesOf('access', key), suffix: 'r' as const })),
    ])
    if (found === 'away') return found
    return keys.map((_, n) => {
      const [tombstone, record] = [found[n], found[keys.length + n]]
      return {
        tombstone: tombstone?.value,
        record: recordIn(record?.value),
        rawTombstone: tombstone?.raw,
        rawRecord: record?.raw,
      }
    })
  }

  async function enter(key: string, subject: Subject, seen: Entries): Promise<Entered | Refused | Away> {
    const keys = keysOf(key, subject)
    const owner = Buffer.concat([owned, randomBytes(12)])
    const reply = await redis.run(enterScript, keys, [...rawOf(seen), owner, leaseMs])
    if (!Array.isArray(reply)) return reply === 'away' ? reply : 'refused'
    const [state, ...values] = reply
    switch (String(state)) {
      case 'mine':
        return { state: 'mine', lease: { key, subject, leaseKey: keys[2] ?? '', owner, seen } }
      case 'theirs':
        return { state: 'theirs', lease: leaseIn(key, subject, values[0]) }
      case 'changed':
        return { state: 'changed', entries: entriesIn(key, values[0], values[1]) }
      default:
        return 'refused'
    }
  }

  function keysOf(key: string, subject: Subject): readonly string[] {
    const name = names.entriesOf('access', key).write
    return [names.tombstonesOf('access', key).write.keyOf('t'), name.keyOf('r'), name.keyOf(leaseSuffixes[subject])]
  }

  function read(key: string, subject: Subject, [tombstone, record, lease]: readonly (Buffer | undefined)[]) {
    return { ...entriesIn(key, tombstone, record), lease: leaseIn(key, subject, lease) }
  }

  async function land(lease: Held, record: TokenRecord): Promise<Landed> {
    let { seen } = lease
    for (let merges = 0; merges < mostMerges; merges += 1) {
      const forMs = Math.ceil(record.expiresAt - clock.now())
      if (forMs <= 0) return {}
      const sealed = sealedRecord(lease.key, merge(record, seen.record, lease.subject))
      const keys = [...keysOf(lease.key, lease.subject), ...otherNamesOf(lease.key)]
      const reply = await redis.run(landScript, keys, [...rawOf(seen), lease.owner, sealed, forMs])
      if (!Array.isArray(reply) || String(reply[0]) !== 'changed') return {}
      const found = entriesIn(lease.key, reply[1], reply[2])
      if (found.tombstone !== undefined) return { tombstone: found.tombstone }
      // LINE has refused the token to another process, after our call began.
      if (seen.rawRecord !== undefined && found.rawRecord === undefined) return {}
      seen = found
    }
    return {}
  }

  async function conclude(
    { key, subject, leaseKey, owner }: Held,
    { outcome, isRefused }: { readonly outcome?: Buffer | undefined; readonly isRefused: boolean },
  ): Promise<boolean> {
    const { write: name, read: all } = names.entriesOf('access', key)
    const dated = outcome && withTime(outcome, clock.wall())
    const value = dated === undefined ? '' : Buffer.concat([concluded, name.seal(leaseSuffixes[subject], dated)])
    const keys = [leaseKey, ...all.map((one) => one.keyOf('r'))]
    const deleted = await redis.run(concludeScript, keys, [owner, isRefused ? 1 : 0, value, outcomeMs])
    return typeof deleted === 'number' && deleted > 0
  }

  function put(key: string, record: TokenRecord): void {
    const forMs = Math.ceil(record.expiresAt - clock.now())
    if (forMs <= 0) return
    const set = names.entriesOf('access', key).write.keyOf('r')
    const others = otherNamesOf(key).map((name) => ({ delete: name }))
    void redis.write([{ set, value: sealedRecord(key, record), forMs, ifAbsent: true }, ...others])
  }

  /** An older record there would be read first by a process that writes under another secret. */
  function otherNamesOf(key: string): readonly string[] {
    const [, ...others] = names.entriesOf('access', key).read
    return others.map((name) => name.keyOf('r'))
  }

  function sealedRecord(key: string, record: TokenRecord): Buffer {
    const text = writeRecord(shiftTimes(record, clock.toWall(0)))
    return names.entriesOf('access', key).write.seal('r', Buffer.from(text, 'latin1'))
  }

  /** `undefined` for a record that ends within seconds, and for one of a channel that only other processes have. */
  function recordIn(text: Buffer | undefined): TokenRecord | undefined {
    if (text === undefined) return undefined
    const record = shiftTimes(new StoredRecord(text.toString('latin1'), []), clock.fromWall(0))
    const marginMs = Math.min(mostMarginMs, (record.expiresAt - record.verifiedAt) / 10)
    return isOurs(record.channelId) && record.expiresAt - marginMs > clock.now() ? record : undefined
  }

  function entriesIn(key: string, tombstone: Value | undefined, record: Value | undefined): Entries {
    const [rawTombstone, rawRecord] = [bytesIn(tombstone), bytesIn(record)]
    return {
      tombstone: rawTombstone && names.tombstonesOf('access', key).write.open('t', rawTombstone),
      record: recordIn(rawRecord && names.entriesOf('access', key).write.open('r', rawRecord)),
      rawTombstone,
      rawRecord,
    }
  }

  function leaseIn(key: string, subject: Subject, value: Value | undefined): Lease {
    const bytes = bytesIn(value)
    if (bytes === undefined) return 'free'
    if (bytes[0] === owned[0]) return 'held'
    const opened = names.entriesOf('access', key).write.open(leaseSuffixes[subject], bytes.subarray(1))
    const outcome = opened && unlessOlder(outcomeMs, opened, clock.wall())
    return outcome === undefined ? 'free' : { outcome }
  }
}

/** Scripts have no `nil` in a list: they say an empty text. */
function bytesIn(value: Value | undefined): Buffer | undefined {
  return Buffer.isBuffer(value) && value.length > 0 ? value : undefined
}

function rawOf({ rawTombstone, rawRecord }: Entries): [Buffer | string, Buffer | string] {
  return [rawTombstone ?? '', rawRecord ?? '']
}
