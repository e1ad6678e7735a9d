import type { Telemetry } from '../telemetry/telemetry.ts'
import type { KeySource } from './signing-key-file.ts'
import { beginOf, isServedAt, signedUntil, signerAt } from './signing-key-states.ts'

/** The states and times of the keys of SIGNING_KEYS_FILE, as gauges. `wall`: the wall clock, epoch ms. */
export function addSigningKeyGauges(
  { gauge }: Pick<Telemetry, 'gauge'>,
  { keys }: Pick<KeySource, 'keys'>,
  wall: () => number,
): void {
  gauge('gateway_signing_keys', () => [
    [published(), 'published'],
    [signer() === undefined ? 0 : 1, 'signing'],
    [keys().filter(({ retiredAt }) => retiredAt <= wall()).length, 'retired'],
  ])
  gauge('gateway_signing_key_age_seconds', age)
  gauge('gateway_signing_key_left_seconds', () => (signedUntil(keys(), wall()) - wall()) / 1_000)

  function signer() {
    return signerAt(keys(), wall())
  }

  function published(): number {
    const now = wall()
    return keys().filter((key) => isServedAt(key, now) && key.retiredAt > now && key !== signer()).length
  }

  /** The file need not say since when a key signs. */
  function age(): number {
    const key = signer()
    const begunAt = key === undefined ? Number.NEGATIVE_INFINITY : beginOf(key)
    return begunAt === Number.NEGATIVE_INFINITY ? 0 : (wall() - begunAt) / 1_000
  }
}
