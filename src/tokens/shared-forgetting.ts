import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { type Redis, type RedisStream, type Script, type StreamEntry, valueField, type WriteCommand } from '../redis.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { type PauseEvent, type RefusalEvent, readSent, type SharedEvent, writeSent } from './shared-events.ts'
import { createSharedLag } from './shared-lag.ts'
import type { SharedNames } from './shared-names.ts'
import { createOutbox } from './shared-outbox.ts'
import { followStream } from './shared-tail.ts'
import type { SharedTombstones } from './shared-tombstones.ts'

/**
 * Tells the other processes what is forgotten here, and learns what is forgotten there. A tombstone is stored under its own
 * key, which lasts as long as the tombstone. In addition each event is appended to a stream that all processes follow: so
 * they know it within milliseconds, and what they missed in an outage afterwards.
 */
export type SharedForgetting = {
  announce(event: SharedEvent): void
  /** Resolves when all announcements so far are in Redis, or when Redis did not take them: after 100 ms at most. */
  announced(): Promise<void>
  /** Announces once more what Redis has not taken yet. Takes a second at most. */
  flush(): Promise<void>
  /**
   * Whether this process has heard of all that can concern a token which LINE confirmed at this time (process time, ms): it
   * follows the stream without a loss since before that.
   */
  isTold(verifiedAt: number): boolean
  /** When entries of the stream were last lost (process time, ms). Records from before may be dead. -Infinity: never. */
  lostAt(): number
  close(): void
}

export type SharedForgettingOptions = {
  readonly redis: Redis
  readonly names: SharedNames
  readonly shared: Pick<SharedTombstones, 'learnEvent' | 'commandsFor'>
  readonly refused: (event: RefusalEvent) => void
  readonly paused: (event: PauseEvent) => void
  /**
   * How old a record can be that is used without asking LINE (ms). A process that starts reads the stream from so long ago:
   * a record may not tell its user, so the user's tombstone cannot be looked up.
   */
  readonly maxStaleMs: number
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/** All versions must have the same one. */
export const streamKey = '{lg1}f'
/**
 * Somebody has put something else in the place of the stream, or an entry with the last possible ID. Both would refuse all
 * entries for ever. Without the stream, its readers notice a loss.
 */
const mendScript: Script = {
  name: 'mendStream',
  lua: `
    local added = redis.pcall('XADD', KEYS[1], '*', '${valueField}', ARGV[1])
    local why = type(added) == 'table' and added.err or ''
    for _, reason in ipairs({ 'WRONGTYPE', 'exhausted', 'XADD' }) do
      if string.find(why, reason) then redis.call('DEL', KEYS[1]) end
    end
    return 0`,
}
/** An event is older than the record that is read after it. */
const overlapMs = 60_000
/** A round takes a second at most, if nothing is wrong. */
const roundMs = 2_000
/** The clocks of processes differ by no more than this (ms). */
export const clockSkewMs = 5_000

export function createSharedForgetting(options: SharedForgettingOptions): SharedForgetting {
  const { redis, names, shared, maxStaleMs, clock, telemetry } = options
  const name = names.tombstonesOf('stream', 'events')
  const self = randomUUID()
  const startedAt = clock.now()
  const bootedAt = clock.steady()
  let lostAt = Number.NEGATIVE_INFINITY
  const lag = createSharedLag({ clock, oldestUnwritten: () => outbox.oldestAt() })
  const failed = (error: unknown) => telemetry.unexpected(error, 'shared stream')
  const { steady } = clock
  const outbox = createOutbox({ redis, commandsFor, steady, refused: mendStream, taken: lag.taken, failed })
  const tail = followStream({
    stream: redis.openStream(streamKey),
    backMs: maxStaleMs + overlapMs,
    take: (entries) => entries.forEach(take),
    isEmpty: () => announce({ kind: 'anchor' }),
    lost,
    connected,
    failed,
    steady,
  })
  observe()

  return { announce, announced: outbox.written, flush: outbox.flush, isTold, lostAt: () => lostAt, close }

  function isTold(verifiedAt: number): boolean {
    const isRecent = clock.steady() - (tail.lastRoundAt() ?? Number.NEGATIVE_INFINITY) < roundMs
    return isRecent && tail.isFollowing() && verifiedAt > Math.max(startedAt, lostAt) + clockSkewMs
  }

  function announce(event: SharedEvent): void {
    outbox.add(event)
  }

  function commandsFor(event: SharedEvent): readonly WriteCommand[] {
    const append = { append: streamKey, value: sealed(event) }
    const isOnlyTold = event.kind === 'paused' || event.kind === 'anchor'
    return isOnlyTold ? [append] : [...shared.commandsFor(event), append]
  }

  function sealed(event: SharedEvent): Buffer {
    return name.write.seal('e', writeSent({ from: self, sentAt: clock.wall(), event }))
  }

  function mendStream(): void {
    void redis.run(mendScript, [streamKey], [sealed({ kind: 'anchor' })])
  }

  function take({ id, value }: StreamEntry): void {
    const opened = name.open('e', value)
    const sent = opened && readSent(opened)
    if (sent === undefined) return
    if (sent.from === self) lag.cameBack(id, sent.sentAt)
    else learn(sent.event)
  }

  function learn(event: SharedEvent): void {
    if (event.kind === 'refused') options.refused(event)
    else if (event.kind === 'paused') options.paused(event)
    else if (event.kind !== 'anchor') shared.learnEvent(event)
  }

  function lost(): void {
    lostAt = clock.now()
    lag.lost()
    telemetry.count('gateway_shared_gaps_total')
    telemetry.log('streamLost')
    outbox.rewrite()
  }

  /** The last entries that we wrote can be lost with the server that took them. */
  async function connected(stream: RedisStream): Promise<void> {
    const last = outbox.lastId()
    if (last === undefined || (await stream.has(last)) !== false) return
    lag.lost()
    outbox.rewrite()
  }

  function observe(): void {
    const sinceRound = () => (clock.steady() - (tail.lastRoundAt() ?? bootedAt)) / 1_000
    telemetry.gauge('gateway_shared_lag_seconds', lag.seconds)
    telemetry.gauge('gateway_shared_round_age_seconds', sinceRound)
    telemetry.gauge('gateway_shared_unwritten', outbox.size)
  }

  function close(): void {
    tail.close()
    outbox.close()
  }
}
