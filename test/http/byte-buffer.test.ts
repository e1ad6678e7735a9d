import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createByteBuffer } from '../../src/http/byte-buffer.ts'

const textOf = (pieces: readonly Buffer[], limit: number) => {
  const buffer = createByteBuffer(limit)
  for (const piece of pieces) expect(buffer.add(piece)).toBe(true)
  return buffer.takeText()
}

it('any text in any pieces, also cut inside a character: the same text (A1)', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 3_000 })
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 20 }), (whole, lengths) => {
      const bytes = Buffer.from(whole)
      const pieces: Buffer[] = []
      let from = 0
      for (const length of lengths) {
        pieces.push(bytes.subarray(from, from + length))
        from += length
      }
      expect(textOf([...pieces, bytes.subarray(from)], bytes.length)).toBe(whole)
    }),
  )
})

it('10,000 pieces of one byte: the text, and no piece is kept or changed (A1)', () => {
  const pieces = Array.from({ length: 10_000 }, (_, n) => Buffer.of(97 + (n % 26)))
  const copies = pieces.map((piece) => Buffer.from(piece))
  expect(textOf(pieces, 10_000)).toBe(Buffer.concat(copies).toString())
  expect(pieces).toEqual(copies)
})

it('the limit: reached is accepted; one byte more is refused, nothing is kept, and so is every later piece', () => {
  const buffer = createByteBuffer(4)
  expect([buffer.add(Buffer.from('ab')), buffer.add(Buffer.from('cd'))]).toEqual([true, true])
  expect(buffer.takeText()).toBe('abcd')
  expect([buffer.add(Buffer.from('e')), buffer.add(Buffer.from('f'))]).toEqual([false, false])
  expect(buffer.takeText()).toBe('')
})

it('no piece: an empty text', () => {
  expect(createByteBuffer(4).takeText()).toBe('')
})
