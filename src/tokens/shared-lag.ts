import type { Clock } from '../clock.ts'

/** How late own events come back through the stream: so late do the other processes hear of them. */
export type SharedLag = {
  /** Redis has taken events. `id`: of the last one's entry. `since`: when the oldest one was added (`steady`, ms). */
  taken(id: string, since: number): void
  /** The entry of an own event was read from the stream. `sentAt`: epoch ms. */
  cameBack(id: string, sentAt: number): void
  /** Entries of the stream were lost, so some events will not come back. */
  lost(): void
  /** How long the last own event took, or the age of the oldest one that is not back, if it is more. */
  seconds(): number
}

export type SharedLagOptions = {
  readonly clock: Pick<Clock, 'wall' | 'steady'>
  /** When the oldest event that Redis has not taken was added (`steady`, ms). */
  readonly oldestUnwritten: () => number | undefined
}

/** The oldest ones tell the lag. */
const mostOnTheWay = 1_000

/**
 * The time of the last event alone would hide an outage: while nothing comes back, it stays as short as before. After the
 * outage it counts from the last time that the event was sent, so that the lag is short again at once.
 */
export function createSharedLag({ clock, oldestUnwritten }: SharedLagOptions): SharedLag {
  /** The oldest first. */
  const onTheWay: { readonly id: string; readonly since: number }[] = []
  let lastBack: string | undefined
  let lastMs = 0
  let lostAt = Number.NEGATIVE_INFINITY

  return { taken, cameBack, lost, seconds }

  /** An entry can be read before Redis has said that it took it. */
  function taken(id: string, since: number): void {
    if (id !== lastBack && onTheWay.length < mostOnTheWay) onTheWay.push({ id, since })
  }

  /** After a loss the stream is read from its start again. What was sent before says nothing about now. */
  function cameBack(id: string, sentAt: number): void {
    if (sentAt < lostAt) return
    lastMs = Math.max(clock.wall() - sentAt, 0)
    lastBack = id
    onTheWay.splice(0, onTheWay.findIndex((one) => one.id === id) + 1)
  }

  function lost(): void {
    lostAt = clock.wall()
    onTheWay.length = 0
  }

  function seconds(): number {
    const oldest = Math.min(
      oldestUnwritten() ?? Number.POSITIVE_INFINITY,
      onTheWay[0]?.since ?? Number.POSITIVE_INFINITY,
    )
    return Math.max(lastMs, clock.steady() - oldest) / 1_000
  }
}
