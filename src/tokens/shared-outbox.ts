import { inTime } from '../redis/deadline.ts'
import type { Redis, WriteCommand } from '../redis.ts'
import type { SharedEvent, TombstoneEvent } from './shared-events.ts'

/**
 * What this process tells the others. Where Redis does not take it, it is offered again. The tombstones of the last hour are
 * kept: if Redis loses its data, they are written again.
 */
export type Outbox = {
  add(event: SharedEvent): void
  /**
   * Resolves when the events so far are in Redis, or when Redis did not take them, or after 100 ms. Later events do not
   * delay it.
   */
  written(): Promise<void>
  /** Writes what Redis has not taken once more. Resolves when it has all of it, or does not take it, or after a second. */
  flush(): Promise<void>
  /** Redis may have lost what it had: writes the tombstones of the last hour again. */
  rewrite(): void
  /** The ID of the last entry of the stream that this process has written. */
  lastId(): string | undefined
  /** How many events Redis has not taken yet. */
  size(): number
  /** When the oldest event that Redis has not taken was added (`steady`, ms). `undefined`: it has all of them. */
  oldestAt(): number | undefined
  close(): void
}

export type OutboxOptions = {
  readonly redis: Pick<Redis, 'write'>
  /** The commands for one event. The last one appends it to the stream. */
  readonly commandsFor: (event: SharedEvent) => readonly WriteCommand[]
  readonly steady: () => number
  /** Redis has refused a command. */
  readonly refused?: () => void
  /** A function of these options failed. The events are offered again. */
  readonly failed?: (error: unknown) => void
  /** Redis has taken events. `id`: of the last one's entry. `since`: when the oldest one was added (`steady`, ms). */
  readonly taken?: (id: string, since: number) => void
}

/** `since`: when it was added, or one about the same thing that it replaces. */
type Offered = { readonly event: SharedEvent; readonly since: number }
type Kept = { readonly event: TombstoneEvent; readonly at: number }

const keptForMs = 60 * 60_000
const mostKept = 100_000
const mostWaiting = 100_000
/** Commands for one event take about 0.1 ms of CPU. */
const mostAtOnce = 50
const retryEveryMs = 500
const mostWaitMs = 100
const flushMs = 1_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { redis, commandsFor, steady, refused = () => {}, failed = () => {}, taken = () => {} } = options
  const kept = new Map<string, Kept>()
  /** Somebody may wait for these, so they go first, in their order. */
  const urgent = new Map<string, Offered>()
  /** Redis did not take them, or may have lost them. */
  const late = new Map<string, Offered>()
  const waiters: Waiter[] = []
  let added = 0
  let ended = 0
  let underWay: readonly Waiting[] = []
  let writing: Promise<void> | undefined
  let wasTaken = true
  let retry: NodeJS.Timeout | undefined
  let last: string | undefined

  return {
    add,
    written,
    flush,
    rewrite,
    lastId: () => last,
    size: () => underWay.length + urgent.size + late.size,
    oldestAt,
    close: () => clearTimeout(retry),
  }

  function add(event: SharedEvent): void {
    if (isTombstone(event)) keep(event)
    const id = idOf(event)
    const offered = { event, since: (urgent.get(id) ?? late.get(id))?.since ?? steady() }
    late.delete(id)
    // One that is replaced keeps its place: somebody may wait for it.
    if (urgent.has(id) || urgent.size < mostWaiting) putUrgent(id, offered)
    else putLast(late, id, offered, mostWaiting)
    void begin()
  }

  function putUrgent(id: string, offered: Offered): void {
    if (!urgent.has(id)) added += 1
    urgent.set(id, offered)
  }

  async function written(): Promise<void> {
    if (ended < added) await inTime(new Promise<void>((end) => waiters.push({ upTo: added, end })), mostWaitMs)
  }

  async function flush(): Promise<void> {
    if (urgent.size + late.size > 0) await inTime(begin(), flushMs)
  }

  function keep(event: TombstoneEvent): void {
    const now = steady()
    for (const [id, { at }] of kept) {
      if (now - at < keptForMs) break
      kept.delete(id)
    }
    putLast(kept, idOf(event), { event, at: now }, mostKept)
  }

  function rewrite(): void {
    const now = steady()
    for (const [id, { event, at }] of kept) if (now - at < keptForMs) putLate(id, { event, since: now })
    void begin()
  }

  function putLate(id: string, offered: Offered): void {
    if (!urgent.has(id) && !late.has(id)) putLast(late, id, offered, mostWaiting)
  }

  function begin(): Promise<void> {
    writing ??= write()
      .catch(postponeAll)
      .finally(() => {
        writing = undefined
        if (urgent.size + late.size > 0) retry = setTimeout(begin, retryEveryMs).unref()
      })
    return writing
  }

  function postponeAll(error: unknown): void {
    postpone(underWay)
    underWay = []
    failed(error)
  }

  /** Events of the same moment go together. It ends when Redis does not take them. */
  async function write(): Promise<void> {
    clearTimeout(retry)
    await undefined
    do await writeBatch()
    while (wasTaken && urgent.size + late.size > 0)
  }

  async function writeBatch(): Promise<void> {
    const [first, others] = takeBatch()
    underWay = [...first, ...others]
    const { commands, ready, unready } = commandsOf(underWay)
    const replies = await redis.write(commands)
    wasTaken = unready.length === 0 && replies !== 'away' && replies !== 'refused'
    if (replies === 'away' || replies === 'refused') postpone(underWay)
    else if (ready.length > 0) noteTaken(String(replies.at(-1)), ready)
    for (const [id, offered] of unready) putLate(id, offered)
    underWay = []
    if (replies === 'refused') refused()
    ended = added - urgent.size
    while (waiters[0] !== undefined && waiters[0].upTo <= ended) waiters.shift()?.end()
  }

  /** An event whose commands cannot be made holds no other one back. */
  function commandsOf(batch: readonly Waiting[]) {
    const commands: WriteCommand[] = []
    const [ready, unready]: [Waiting[], Waiting[]] = [[], []]
    for (const waiting of batch) {
      try {
        commands.push(...commandsFor(waiting[1].event))
        ready.push(waiting)
      } catch (error) {
        failed(error)
        unready.push(waiting)
      }
    }
    return { commands, ready, unready }
  }

  function noteTaken(id: string, batch: readonly Waiting[]): void {
    last = id
    taken(id, oldestIn(batch))
  }

  function oldestAt(): number | undefined {
    const oldest = Math.min(...[underWay, urgent, late].map(oldestIn))
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest
  }

  /** Nobody waits for these any more. What is urgent meanwhile is newer than the batch, so it stays in place of it. */
  function postpone(batch: readonly Waiting[]): void {
    for (const [id, offered] of batch) putLate(id, offered)
    for (const [id, offered] of take(urgent, mostWaiting)) putLate(id, offered)
  }

  /** While Redis takes nothing, each new event is tried by itself: to encrypt the late ones each time costs too much. */
  function takeBatch() {
    const first = take(urgent, mostAtOnce)
    const hasRoom = wasTaken || first.length === 0
    return [first, hasRoom ? take(late, mostAtOnce - first.length) : []] as const
  }
}

type Waiting = readonly [id: string, offered: Offered]
type Waiter = { readonly upTo: number; readonly end: () => void }

/** Takes the oldest ones out. */
function take(map: Map<string, Offered>, most: number): readonly Waiting[] {
  const taken: Waiting[] = []
  for (const entry of map) {
    if (taken.length === most) break
    taken.push(entry)
    map.delete(entry[0])
  }
  return taken
}

/** Infinity if there are none. */
function oldestIn(events: Iterable<Waiting>): number {
  let oldest = Number.POSITIVE_INFINITY
  for (const [, { since }] of events) oldest = Math.min(oldest, since)
  return oldest
}

function isTombstone(event: SharedEvent): event is TombstoneEvent {
  return event.kind === 'token' || event.kind === 'session' || event.kind === 'user'
}

/** Events about the same thing replace each other. */
function idOf(event: SharedEvent): string {
  switch (event.kind) {
    case 'user':
      return `user ${event.channelId} ${event.userId}`
    case 'paused':
      return `paused ${event.endpoint}`
    case 'anchor':
      return event.kind
    default:
      return `${event.kind} ${event.key}`
  }
}

/** Adds it as the newest one. Drops the oldest one if there are too many. */
function putLast<Value>(map: Map<string, Value>, id: string, value: Value, most: number): void {
  map.delete(id)
  map.set(id, value)
  if (map.size > most) map.delete(map.keys().next().value ?? '')
}
