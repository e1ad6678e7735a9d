import { buildSchema, findBreakingChanges } from 'graphql'

export type Verdict = {
  /** Changes that break what clients have written, and that nobody has accepted. */
  readonly breaking: readonly string[]
  /** Accepted changes that were never made, or were taken back. */
  readonly stale: readonly string[]
}

/** Compares two schemas as text. A breaking change is accepted by its description, in the words of graphql-js. */
export function judgeChanges(released: string, current: string, accepted: readonly string[]): Verdict {
  const changes = findBreakingChanges(buildSchema(released), buildSchema(current))
  const descriptions = [...new Set(changes.map(({ description }) => description))]
  return {
    breaking: descriptions.filter((description) => !accepted.includes(description)),
    stale: accepted.filter((description) => !descriptions.includes(description)),
  }
}

export function parseAccepted(text: string): readonly string[] {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) {
    throw new TypeError('accepted.json is a list of descriptions')
  }
  return list
}
