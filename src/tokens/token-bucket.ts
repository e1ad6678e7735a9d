/** A token bucket: `burst` tokens at most. Time refills it, and so do tokens that are given back. */
export type TokenBucket = {
  /** The whole tokens that are there now. */
  left(): number
  /** Milliseconds until one token is there. 0: there is one now. */
  waitMs(): number
  take(): void
  giveBack(): void
}

export type TokenBucketOptions = {
  readonly burst: number
  readonly perSecond: number
  /** Epoch ms. It never goes back. */
  readonly now: () => number
}

/** Sums of fractions are not exact: a token that lacks less than this is there. */
const rounding = 1e-9

export function createTokenBucket({ burst, perSecond, now }: TokenBucketOptions): TokenBucket {
  const perMs = perSecond / 1_000
  let level = burst
  let filledAt = now()

  return { left, waitMs, take, giveBack }

  function left(): number {
    return Math.floor(fill() + rounding)
  }

  function waitMs(): number {
    const missing = 1 - fill()
    return missing > rounding ? missing / perMs : 0
  }

  function take(): void {
    level = Math.max(fill() - 1, 0)
  }

  function giveBack(): void {
    level = Math.min(fill() + 1, burst)
  }

  function fill(): number {
    const time = now()
    level = Math.min(level + (time - filledAt) * perMs, burst)
    filledAt = time
    return level
  }
}
