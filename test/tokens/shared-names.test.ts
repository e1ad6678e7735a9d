import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { entrySuffixes } from '../../src/telemetry/metric-labels.ts'
import { createSharedNames, type SharedKind } from '../../src/tokens/shared-names.ts'
import { digestOf } from '../../src/tokens/token-key.ts'
import { runsOf } from '../harness/in-full.ts'
import { print } from '../harness/print.ts'

const lineUrl = 'https://api.line.me'
const secret = 'a secret that has thirty-two bytes'
const otherSecret = 'another secret of thirty-two bytes'
const kinds: readonly SharedKind[] = ['access', 'refresh', 'code', 'user', 'stream']
const key = digestOf('a token')
const value = Buffer.from('a record')

type Options = Partial<Parameters<typeof createSharedNames>[0]>
const namesWith = (options: Options = {}) =>
  createSharedNames({ secrets: [secret], lineUrl, unopened: vi.fn(), ...options })
const nameOf = (kind: SharedKind, of: string, options: Options = {}) => namesWith(options).entriesOf(kind, of).write

describe('a name', () => {
  it('is an id that the same settings make again, and a suffix', () => {
    const name = nameOf('access', key)
    expect(name.keyOf('r')).toMatch(/^\{[\w-]{43}\}r$/)
    expect(name.keyOf('t')).toBe(name.keyOf('r').replace(/r$/, 't'))
    expect(nameOf('access', key).keyOf('r')).toBe(name.keyOf('r'))
  })

  it('has neither the key nor its digest in it', () => {
    const digests = [key, digestOf(key)].flatMap((text) => {
      const bytes = Buffer.from(text, 'latin1')
      return [bytes.toString('base64url'), bytes.toString('hex')]
    })
    for (const digest of digests) expect(nameOf('access', key).keyOf('r')).not.toContain(digest)
  })

  it('two of different kinds, keys, URLs, secrets or versions never have one id', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('"', ']', ',', 'a', 'ā', '\0') }),
    )
    const place = fc.tuple(fc.constantFrom(...kinds), text, text, text, fc.integer({ min: 1, max: 12 }))
    const idOf = ([kind, of, url, secretText, version]: [SharedKind, string, string, string, number]) =>
      nameOf(kind, of, {
        lineUrl: url,
        secrets: [secretText],
        versions: { records: [version], others: [version] },
      }).keyOf('r')
    fc.assert(
      fc.property(place, place, (one, other) => {
        expect(idOf(one) === idOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      }),
      { numRuns: runsOf({ part: 10, full: 30 }) },
    )
  })

  it.each([
    ['half of a character pair', '\ud800', '\udfff'],
    ['a character above one byte', 'ā', '\u0001'],
    ['the end of the URL', '"]', ''],
  ])('%s is not taken for another text', (_, one, other) => {
    expect(nameOf('user', one).keyOf('u')).not.toBe(nameOf('user', other).keyOf('u'))
  })
})

describe('a value', () => {
  it.each(entrySuffixes)('sealed as %s: opens there and under no other suffix', (suffix) => {
    const unopened = vi.fn()
    const name = nameOf('access', key, { unopened })
    const sealed = name.seal(suffix, value)
    expect(name.open(suffix, sealed)).toEqual(value)
    expect(unopened).not.toHaveBeenCalled()
    for (const other of entrySuffixes.filter((one) => one !== suffix)) {
      expect(name.open(other, sealed)).toBeUndefined()
      expect(unopened).toHaveBeenLastCalledWith(other)
    }
  })

  it('may be empty, and takes 28 bytes more', () => {
    const name = nameOf('access', key)
    expect(name.open('t', name.seal('t', Buffer.alloc(0)))).toEqual(Buffer.alloc(0))
    expect(name.seal('t', value).length).toBe(value.length + 28)
  })

  it('sealed 3,000 times: no IV comes twice', () => {
    const name = nameOf('access', key)
    const ivs = new Set(Array.from({ length: 3_000 }, () => name.seal('r', value).toString('hex', 0, 12)))
    expect(ivs.size).toBe(3_000)
  })

  it('10,000 changed, moved and cut ones: none opens, each is counted', () => {
    const unopened = vi.fn()
    const names = namesWith({ unopened })
    const nameAt = (index: number) => names.entriesOf('access', digestOf(`token ${index % 50}`)).write
    const faults = [
      (sealed: Buffer) => withBitFlipped(sealed, randomInt(sealed.length * 8)),
      (sealed: Buffer) => sealed.subarray(0, randomInt(sealed.length)),
      (sealed: Buffer) => sealed.subarray(1 + randomInt(sealed.length - 1)),
      (sealed: Buffer) => Buffer.concat([sealed, Buffer.from('x')]),
      (_: Buffer, index: number) => nameAt(index + 1).seal('r', value),
      (_: Buffer, index: number) => nameAt(index).seal('t', value),
    ]
    const opened = Array.from({ length: 10_000 }, (_, index) => {
      const fault = faults[index % faults.length] as (typeof faults)[0]
      return nameAt(index).open('r', fault(nameAt(index).seal('r', value), index))
    })
    expect(opened.filter((one) => one !== undefined)).toEqual([])
    expect(unopened).toHaveBeenCalledTimes(10_000)
  })
})

describe('a list of secrets', () => {
  it('the first one writes, all of them read', () => {
    const before = nameOf('access', key, { secrets: [otherSecret] })
    const { write, read } = namesWith({ secrets: [secret, otherSecret] }).entriesOf('access', key)
    expect(write.keyOf('r')).toBe(nameOf('access', key).keyOf('r'))
    expect(read.map((name) => name.keyOf('r'))).toEqual([write.keyOf('r'), before.keyOf('r')])
    expect(read[1]?.open('r', before.seal('r', value))).toEqual(value)
  })

  it('an entry that does not tell its secret: each is tried, and it is counted once if none opens it', () => {
    const unopened = vi.fn()
    const before = nameOf('stream', '', { secrets: [otherSecret] })
    const stranger = nameOf('stream', '', { secrets: ['a third secret, of another gateway'] })
    const names = namesWith({ secrets: [secret, otherSecret], unopened }).tombstonesOf('stream', '')
    expect(names.open('f', before.seal('f', value))).toEqual(value)
    expect(unopened).not.toHaveBeenCalled()
    expect(names.open('f', stranger.seal('f', value))).toBeUndefined()
    expect(unopened.mock.calls).toEqual([['f']])
  })
})

describe('versions', () => {
  it('while they are equal, entries and tombstones of a token share one name', () => {
    const names = namesWith()
    expect(names.tombstonesOf('access', key)).toBe(names.entriesOf('access', key))
    expect(names.tombstonesOf('refresh', key)).not.toBe(names.entriesOf('access', key))
  })

  it('a release with a new version reads the tombstones of the one before, but not its records', () => {
    const before = namesWith()
    const after = namesWith({ versions: { records: [2], others: [1, 2] } })
    expect(after.tombstonesOf('access', key).write.keyOf('t')).toBe(before.tombstonesOf('access', key).write.keyOf('t'))
    expect(after.tombstonesOf('access', key).read).toHaveLength(2)
    const records = after.entriesOf('access', key).read.map((name) => name.keyOf('r'))
    expect(records).not.toContain(before.entriesOf('access', key).write.keyOf('r'))
  })

  it('with a new version of records, answers of refreshes and codes stay where both releases look', () => {
    const after = namesWith({ versions: { records: [2], others: [1] } })
    for (const [kind, suffix] of [
      ['refresh', 'a'],
      ['refresh', 'l'],
      ['code', 'c'],
      ['stream', 'o'],
    ] as const)
      expect(after.entriesOf(kind, key).write.keyOf(suffix)).toBe(namesWith().entriesOf(kind, key).write.keyOf(suffix))
  })
})

it('prints what a look-up costs', () => {
  const keys = Array.from({ length: runsOf({ part: 1_000, full: 5_000 }) }, (_, index) => digestOf(`token ${index}`))
  const sealed = keys.map((one) => nameOfToken(one).seal('r', Buffer.alloc(222)))
  const names = namesWith()
  const start = process.cpuUsage()
  for (const [index, one] of keys.entries()) {
    const { write } = names.entriesOf('access', one)
    names.tombstonesOf('access', one).write.keyOf('t')
    write.keyOf('r')
    write.open('r', sealed[index] as Buffer)
  }
  const { user, system } = process.cpuUsage(start)
  print(`a look-up in the shared tier: names and open, ${((user + system) / keys.length).toFixed(1)} µs CPU`)
})

const tokenNames = namesWith()
const nameOfToken = (of: string) => tokenNames.entriesOf('access', of).write

function withBitFlipped(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return changed
}
