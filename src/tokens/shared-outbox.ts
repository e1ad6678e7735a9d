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
  close(): void
}

export type OutboxOptions = {
  readonly redis: Pick<Redis, 'write'>
  /** The commands for one event. The last one appends it to the stream. */
  readonly commandsFor: (event: SharedEvent) => readonly WriteCommand[]
  readonly steady: () => number
  /** Redis has refused a command. */
  readonly refused?: () => void
}

type Kept = { readonly event: TombstoneEvent; readonly at: number }

const keptForMs = 60 * 60_000
const mostKept = 100_000
const mostWaiting = 100_000
/** Commands for one event take about 0.1 ms of CPU. */
const mostAtOnce = 50
const retryEveryMs = 500
const mostWaitMs = 100
const flushMs = 1_000

export function createOutbox({ redis, commandsFor, steady, refused = () => {} }: OutboxOptions): Outbox {
  const kept = new Map<string, Kept>()
  /** Somebody may wait for these, so they go first, in their order. */
  const urgent = new Map<string, SharedEvent>()
  /** Redis did not take them, or may have lost them. */
  const late = new Map<string, SharedEvent>()
  const waiters: Waiter[] = []
  let added = 0
  let ended = 0
  let underWay = 0
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
    size: () => underWay + urgent.size + late.size,
    close: () => clearTimeout(retry),
  }

  function add(event: SharedEvent): void {
    if (isTombstone(event)) keep(event)
    const id = idOf(event)
    late.delete(id)
    // One that is replaced keeps its place: somebody may wait for it.
    if (urgent.has(id) || urgent.size < mostWaiting) putUrgent(id, event)
    else putLast(late, id, event, mostWaiting)
    void begin()
  }

  function putUrgent(id: string, event: SharedEvent): void {
    if (!urgent.has(id)) added += 1
    urgent.set(id, event)
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
    for (const [id, { event, at }] of kept) if (now - at < keptForMs) putLate(id, event)
    void begin()
  }

  function putLate(id: string, event: SharedEvent): void {
    if (!urgent.has(id) && !late.has(id)) putLast(late, id, event, mostWaiting)
  }

  function begin(): Promise<void> {
    writing ??= write().finally(() => {
      writing = undefined
      if (urgent.size + late.size > 0) retry = setTimeout(begin, retryEveryMs).unref()
    })
    return writing
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
    const batch = [...first, ...others]
    underWay = batch.length
    const replies = await redis.write(batch.flatMap(([, event]) => commandsFor(event)))
    wasTaken = replies !== 'away' && replies !== 'refused'
    if (wasTaken) last = String(replies.at(-1))
    else postpone(batch)
    if (replies === 'refused') refused()
    underWay = 0
    ended = added - urgent.size
    while (waiters[0] !== undefined && waiters[0].upTo <= ended) waiters.shift()?.end()
  }

  /** Nobody waits for these any more. What is urgent meanwhile is newer than the batch, so it stays in place of it. */
  function postpone(batch: readonly Waiting[]): void {
    for (const [id, event] of batch) putLate(id, event)
    for (const [id, event] of take(urgent, mostWaiting)) putLate(id, event)
  }

  /** While Redis takes nothing, each new event is tried by itself: to encrypt the late ones each time costs too much. */
  function takeBatch() {
    const first = take(urgent, mostAtOnce)
    const hasRoom = wasTaken || first.length === 0
    return [first, hasRoom ? take(late, mostAtOnce - first.length) : []] as const
  }
}

type Waiting = readonly [id: string, event: SharedEvent]
type Waiter = { readonly upTo: number; readonly end: () => void }

/** Takes the oldest ones out. */
function take(map: Map<string, SharedEvent>, most: number): readonly Waiting[] {
  const taken: Waiting[] = []
  for (const entry of map) {
    if (taken.length === most) break
    taken.push(entry)
    map.delete(entry[0])
  }
  return taken
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
