import { describe, expect, it } from 'vitest'
import { keptReadings, readingNames, readings } from '../../src/tokens/readings.ts'
import { ageOf, createRecord, scopeMissing, withFacts } from '../../src/tokens/record.ts'
import { createRecordStore } from '../../src/tokens/record-store.ts'
import { plain } from '../harness/plain-record.ts'
import { readingSamples } from '../harness/reading-samples.ts'

const ages = { freshForMs: 300, maxStaleMs: 3_600 }
const bare = createRecord({ channelId: '1', scopes: [], verifiedAt: 1_000, expiresAt: 100_000 })

const answer = (status: number, body: unknown) => ({ status, body, lineRequestId: undefined })

describe.each(readingNames)('%s', (name) => {
  const { scope, read } = readings[name]

  it('a token without its scope: the scope is missing', () => {
    expect(scopeMissing(bare, name)).toBe(scope)
    expect(scopeMissing(withFacts(bare, { scopes: [scope] }), name)).toBeUndefined()
  })

  it('before it is read: not in the record; after that: fresh, in a stored record too', () => {
    const verdict = read(answer(200, readingSamples[name].usable), 1_000)
    if (verdict.verdict !== 'valid') throw new Error(`${name} could not be read`)
    const record = withFacts(bare, verdict.facts)
    const stored = createRecordStore(1).set('key', record)
    expect(ageOf(bare, name, 1_000, ages)).toBeUndefined()
    expect(ageOf(record, name, 1_000, ages)).toBe('fresh')
    expect(ageOf(stored, name, 1_000, ages)).toBe('fresh')
    expect(plain(stored)).toEqual(record)
  })

  it('401: invalid; 403, 500 or an unusable body: unknown', () => {
    expect(read(answer(401, { message: 'The access token expired' }), 0)).toMatchObject({ verdict: 'invalid' })
    for (const [status, body] of [
      [403, { message: 'Access Denied' }],
      [500, undefined],
      [200, { nonsense: true }],
    ] as const)
      expect(read(answer(status, body), 0)).toMatchObject({ verdict: 'unknown' })
  })
})

it('each kept reading: a member of every record', () => {
  expect(Object.keys(bare)).toEqual(expect.arrayContaining([...keptReadings]))
})
