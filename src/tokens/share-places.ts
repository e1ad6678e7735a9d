import type { Attempt, Source } from './sources.ts'

/** The places to LINE for callers with a share (`shares.ts`). */
export type SharePlaces = {
  /** `undefined`: a share that has used nothing. */
  hasPlace(share: Source | undefined): boolean
  /** So many calls have begun, or ended if it is negative. */
  count(calls: number): void
  /** An attempt of the share waits. */
  wait(share: Source, attempt: Attempt): void
  /** The attempt counts as the newest of the share, if it still waits. */
  renew(share: Source, attempt: Attempt): void
  /** The waiting attempt that may go now. */
  next(): Attempt | undefined
}

const partOfOne = 4
const partOfAll = 2

/**
 * One share has at most a quarter of the places, and all together have at most half of them, so that the other half is left to
 * addresses however many shares send junk. The share with the fewest calls goes first; shares with equally many take turns. In
 * a share the newest attempt goes first. If the oldest did, then under junk each would get its turn when its deadline is near,
 * and none would be answered.
 */
export function createSharePlaces(places: number): SharePlaces {
  const mostOfOne = Math.max(Math.floor(places / partOfOne), 1)
  const mostInAll = Math.max(Math.floor(places / partOfAll), 1)
  const waiting = new Set<Source>()
  let inAll = 0

  return { hasPlace, count, wait, renew, next }

  function hasPlace(share: Source | undefined): boolean {
    return (share?.calls ?? 0) < mostOfOne && inAll < mostInAll
  }

  function count(calls: number): void {
    inAll += calls
  }

  function wait(share: Source, attempt: Attempt): void {
    share.waiting.add(attempt)
    waiting.add(share)
  }

  function renew({ waiting }: Source, attempt: Attempt): void {
    if (waiting.delete(attempt)) waiting.add(attempt)
  }

  function next(): Attempt | undefined {
    let first: Source | undefined
    for (const share of waiting) {
      if (share.waiting.size === 0) waiting.delete(share)
      else if (hasPlace(share) && (first === undefined || share.calls < first.calls)) first = share
    }
    if (first === undefined) return undefined
    waiting.delete(first)
    waiting.add(first)
    return [...first.waiting].at(-1)
  }
}
