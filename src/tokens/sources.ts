import { createBoundedMap } from './bounded-map.ts'
import { createTokenBucket, type TokenBucket, type TokenBucketOptions } from './token-bucket.ts'
import type { Outage } from './token-resolver.ts'

/** What the gate knows about a client network. */
export type Source = {
  readonly network: string
  /** 1, or more for a network that may have more of everything than a single client. */
  readonly factor: number
  readonly bucket: TokenBucket
  /** Attempts that wait or are in flight. */
  attempts: number
  /** Credentials in flight. */
  tokens: number
  /** Calls to LINE in flight. */
  calls: number
  /** Grows with each success. A refusal halves it. */
  trust: number
  /** The attempts that wait until this source has fewer in flight. First come, first served, but see `share-places.ts`. */
  readonly waiting: Set<Attempt>
}

/** A credential that waits until it may go to LINE. It counts for all of its sources. */
export type Attempt = {
  readonly sources: readonly Source[]
  admit(): void
  refuse(outage: Outage): void
}

export type Sources = {
  /** `undefined`: the source has used nothing. */
  find(network: string): Source | undefined
  /** The source of this network, with one attempt more. */
  enter(network: string, factor: number): Source
  /** One attempt of the source has ended. */
  leave(source: Source): void
  counts(): SourceCounts
}

/** `limited`: with an empty bucket. */
export type SourceCounts = { readonly limited: number; readonly other: number }

const mostAtRest = 20_000

/**
 * The sources that have used something. Those with attempts are never dropped, so that no count is lost. There are few
 * of them, because the gate bounds the attempts. Of the others, the least recently used are dropped.
 */
export function createSources({ burst, perSecond, now }: TokenBucketOptions): Sources {
  const active = new Map<string, Source>()
  /** Those whose bucket was empty when an attempt ended. Time fills it. */
  const limited = new Set<Source>()
  const atRest = createBoundedMap<Source>(mostAtRest, (_, source) => limited.delete(source))

  return { find, enter, leave, counts }

  function find(network: string): Source | undefined {
    return active.get(network) ?? atRest.get(network)
  }

  function enter(network: string, factor: number): Source {
    const source = find(network) ?? createSource(network, factor)
    source.attempts += 1
    active.set(network, source)
    atRest.delete(network)
    return source
  }

  function leave(source: Source): void {
    const { network, factor, bucket, trust } = source
    source.attempts -= 1
    if (bucket.waitMs() > 0) limited.add(source)
    else limited.delete(source)
    if (source.attempts > 0) return
    active.delete(network)
    if (trust > 0 || bucket.left() < burst * factor) atRest.set(network, source)
  }

  /** To look at each source would take too long: there can be thousands, but few are limited. */
  function counts(): SourceCounts {
    for (const source of limited) if (source.bucket.waitMs() === 0) limited.delete(source)
    return { limited: limited.size, other: active.size + atRest.size - limited.size }
  }

  function createSource(network: string, factor: number): Source {
    const bucket = createTokenBucket({ burst: burst * factor, perSecond: perSecond * factor, now })
    return { network, factor, bucket, attempts: 0, tokens: 0, calls: 0, trust: 0, waiting: new Set() }
  }
}
