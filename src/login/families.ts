import { createBoundedMap } from '../tokens/bounded-map.ts'

/**
 * The refresh tokens that LINE issued through us. Those of one login are a family: LINE may replace one by another. All
 * of them are named by their keys.
 */
export type Families = {
  /** LINE issued this refresh token, perhaps in place of another one. */
  add(refreshKey: string, replaced?: string): void
  /** The family: the key of its first refresh token. A token that we do not know is a family of its own. */
  of(refreshKey: string): string
  isKnown(refreshKey: string): boolean
}

const maxKnown = 100_000

export function createFamilies(): Families {
  const families = createBoundedMap<string>(maxKnown)

  return { add, of, isKnown: (refreshKey) => families.peek(refreshKey) !== undefined }

  function add(refreshKey: string, replaced = refreshKey): void {
    families.set(refreshKey, of(replaced))
  }

  function of(refreshKey: string): string {
    return families.get(refreshKey) ?? refreshKey
  }
}
