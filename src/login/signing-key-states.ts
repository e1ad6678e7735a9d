import type { SigningKey } from './signing-key-set.ts'

/**
 * The states of a key, computed from its times whenever somebody asks:
 *
 *     published   verifiers can fetch it: from `published_at` until the last token signed with it has ended
 *     signing     the one with the latest `signing_at` signs
 *     retired     it signs no more, from `retired_at` on
 */
type Times = Pick<SigningKey, 'publishedAt' | 'signingAt' | 'retiredAt'>

/** The longest API_TOKEN_SECONDS. */
const longestLifeMs = 3_600_000
/** Verifiers accept a token for so long after its end, because clocks differ. Five minutes is the longest usual leeway. */
const leewayMs = 300_000

/** The key that signs. Of two with the same `signing_at`, the first one. */
export function signerAt<Key extends Times>(keys: readonly Key[], now: number): Key | undefined {
  return keys
    .filter((key) => key.publishedAt <= now && key.signingAt <= now && now < key.retiredAt)
    .reduce<Key | undefined>(
      (best, key) => (best !== undefined && best.signingAt >= key.signingAt ? best : key),
      undefined,
    )
}

export function isServedAt(key: Times, now: number): boolean {
  return key.publishedAt <= now && !hasEndedAt(key, now)
}

/** Whether the last token that it can have signed has ended. */
export function hasEndedAt({ retiredAt }: Times, now: number): boolean {
  return now >= retiredAt + longestLifeMs + leewayMs
}

/** When a key begins to sign, unless another one signs then. */
export function beginOf({ publishedAt, signingAt }: Times): number {
  return Math.max(publishedAt, signingAt)
}

/** The next time at which no key signs. `now`: none signs now. Infinity: never. */
export function signedUntil(keys: readonly Times[], now: number): number {
  let until = now
  for (;;) {
    const ends = keys.filter((key) => beginOf(key) <= until && key.retiredAt > until).map((key) => key.retiredAt)
    if (ends.length === 0) return until
    until = Math.max(...ends)
  }
}

/** When a key that does not sign yet begins to. */
export function waitsUntil(key: Times, now: number): number | undefined {
  const begins = beginOf(key)
  return begins > now && begins < key.retiredAt ? begins : undefined
}
