import { type TokenRecord, withFacts } from '../../src/tokens/record.ts'

/** A record with plain properties, so that tests can compare it: a stored record has getters. */
export function plain(record: TokenRecord | undefined): TokenRecord | undefined {
  if (record?.profile === undefined) return record && withFacts(record, {})
  const { displayName, pictureUrl, statusMessage, readAt } = record.profile
  return withFacts(record, { profile: { displayName, pictureUrl, statusMessage, readAt } })
}
