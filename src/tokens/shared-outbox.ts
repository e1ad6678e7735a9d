import type { Redis, WriteCommand } from '../redis.ts'
import type { SharedEvent, TombstoneEvent } from './shared-events.ts'

/**
 * What this process tells the others. Where Redis does not take it, it is offered again. The tombstones of the last hour are
 * kept: if Redis loses its data, they are written again.
 */
export type Outbox = {
  add(event: SharedEvent): void
  /** Resolves when all events so far are in Redis, or when Redis did not take them. */
  written(): Promise<void>
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
}

type Kept = { readonly event: TombstoneEvent; readonly at: number }

const keptForMs = 60 * 60_000
const mostKept = 100_000
const mostWaiting = 100_000
/** Commands for one event take about 0.1 ms of CPU. */
const mostAtOnce = 50
const retryEveryMs = 500

export function createOutbox({ redis, commandsFor, steady }: OutboxOptions): Outbox {
  const kept = new Map<string, Kept>()
  const waiting = new Map<string, SharedEvent>()
  let writing: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  let last: string | undefined

  return {
    add,
    written: () => writing ?? Promise.resolve(),
    rewrite,
    lastId: () => last,
    size: () => waiting.size,
    close: () => clearTimeout(retry),
  }

  function add(event: SharedEvent): void {
    if (isTombstone(event)) keep(event)
    putLast(waiting, idOf(event), event, mostWaiting)
    begin()
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
    for (const [id, { event, at }] of kept)
      if (now - at < keptForMs && !waiting.has(id)) putLast(waiting, id, event, mostWaiting)
    begin()
  }

  function begin(): void {
    writing ??= write().finally(() => {
      writing = undefined
      if (waiting.size > 0) retry = setTimeout(begin, retryEveryMs).unref()
    })
  }

  /** Events of the same moment go together. It ends when Redis does not take them. */
  async function write(): Promise<void> {
    clearTimeout(retry)
    await undefined
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, mostAtOnce)
      const replies = await redis.write(batch.flatMap(([, event]) => commandsFor(event)))
      if (replies === 'away' || replies === 'refused') return
      last = String(replies.at(-1))
      // One that was replaced meanwhile is still to be written.
      for (const [id, event] of batch) if (waiting.get(id) === event) waiting.delete(id)
    }
  }
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
