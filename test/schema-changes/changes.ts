import { buildSchema, findBreakingChanges } from 'graphql'

export type Comparison = {
  /** Changes that break client code and are not accepted. */
  readonly breaking: readonly string[]
  /** Accepted changes that are not in the schema. */
  readonly stale: readonly string[]
}

/** Compares two schemas as text. `accepted` has the descriptions of accepted changes, as graphql-js writes them. */
export function compareSchemas(released: string, current: string, accepted: readonly string[]): Comparison {
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
    throw new TypeError('accepted.json must be a list of descriptions')
  }
  return list
}
