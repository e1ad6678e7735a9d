/** Writes a few of many similar log lines. A flood of junk must not become a flood of log lines. */
export type Sampler = {
  /**
   * Writes a line now or leaves it out. `write` gets the number of lines of this kind that were left out before. The last
   * line that was left out is written a moment later, so that no count is lost.
   */
  sample(kind: string, write: (leftOut: number) => void): void
  /** Writes the lines that wait. For the end of the process. */
  flush(): void
}

/**
 * `fullAt`: when the kind may write its first lines at once again. `last`: the last line that was left out. It waits, and is
 * written if no other line of the kind comes first.
 */
type Kind = { fullAt: number; leftOut: number; last: ((leftOut: number) => void) | undefined }

/** Each kind may write this many lines at once, and then one line in each interval. */
const burst = 10
const intervalMs = 1_000
/** More kinds than the code has. Further kinds share one. */
const mostKinds = 500

/** `now`: milliseconds on a clock that never goes back. `leftOutOne` is called for each line that will never be written. */
export function createSampler(now: () => number = () => performance.now(), leftOutOne: () => void = () => {}): Sampler {
  const kinds = new Map<string, Kind>()
  let isTimerSet = false

  return { sample, flush }

  function sample(name: string, write: (leftOut: number) => void): void {
    const kind = kindOf(name)
    if (kind.last !== undefined) leftOutOne()
    if (mayWrite(kind)) put(kind, write, kind.leftOut)
    else leaveOut(kind, write)
  }

  function flush(): void {
    for (const kind of kinds.values()) putLast(kind)
  }

  function put(kind: Kind, write: (leftOut: number) => void, leftOut: number): void {
    kind.fullAt = Math.max(kind.fullAt, now()) + intervalMs
    kind.leftOut = 0
    kind.last = undefined
    write(leftOut)
  }

  function putLast(kind: Kind): void {
    if (kind.last !== undefined) put(kind, kind.last, kind.leftOut - 1)
  }

  function leaveOut(kind: Kind, write: (leftOut: number) => void): void {
    kind.leftOut += 1
    kind.last = write
    setTimer()
  }

  /** It does not keep the process alive. */
  function setTimer(): void {
    if (!isTimerSet) setTimeout(putWaiting, intervalMs).unref()
    isTimerSet = true
  }

  function putWaiting(): void {
    isTimerSet = false
    for (const kind of kinds.values()) {
      if (mayWrite(kind)) putLast(kind)
      else if (kind.last !== undefined) setTimer()
    }
  }

  function mayWrite({ fullAt }: Kind): boolean {
    return fullAt - now() <= (burst - 1) * intervalMs
  }

  function kindOf(name: string): Kind {
    const known = kinds.get(name)
    if (known !== undefined) return known
    if (kinds.size >= mostKinds && name !== 'other') return kindOf('other')
    const kind: Kind = { fullAt: Number.NEGATIVE_INFINITY, leftOut: 0, last: undefined }
    kinds.set(name, kind)
    return kind
  }
}
