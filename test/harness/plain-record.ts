import { type TokenRecord, withFacts } from '../../src/tokens/record.ts'

/** All facts of a record as properties of its own, for comparing: what a store hands out are views. */
export function plain(record: TokenRecord | undefined): TokenRecord | undefined {
  if (record?.profile === undefined) return record && withFacts(record, {})
  const { displayName, pictureUrl, statusMessage, readAt } = record.profile
  return withFacts(record, { profile: { displayName, pictureUrl, statusMessage, readAt } })
}
