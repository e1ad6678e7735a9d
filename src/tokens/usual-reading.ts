import type { ReadingName } from './readings.ts'
import { namingSubjects, type TokenRecord } from './record.ts'

/**
 * The tokens of an app mostly have the same scopes. So the scopes of the last tokens tell which reading will name the
 * user of the next cold one, and LINE is asked for it together with the verification.
 */
export type UsualReading = {
  /** `undefined`: the last tokens differ, or there were too few. */
  expected(): ReadingName | undefined
  /** A cold token turned out to have these scopes. */
  seen(key: string, record: TokenRecord): void
}

/** A wrong guess costs one call, so it must be rare: at most one in so many tokens. */
const alikeAtLeast = 10

export function createUsualReading(): UsualReading {
  let last: ReadingName | undefined
  let alike = 0
  let lastKey: string | undefined

  return { expected: () => (alike >= alikeAtLeast ? last : undefined), seen }

  /** Many callers at once with one token count once. */
  function seen(key: string, record: TokenRecord): void {
    if (key === lastKey) return
    lastKey = key
    const [reading] = namingSubjects(record)
    alike = reading === last ? alike + 1 : 1
    last = reading
  }
}
