/**
 * Bytes in a string, one character a byte. A JavaScript string costs less memory and less garbage collection than an object
 * with the same contents, and it stays at one byte a character as long as no character is above U+00FF.
 */

/** Writes the least significant byte first. Fractions are cut off, so that no time becomes later by storing it. */
export function writeNumber(value: number, bytes: number): string {
  let written = ''
  let rest = Math.max(Math.floor(value), 0)
  for (let index = 0; index < bytes; index++) {
    written += String.fromCharCode(rest % 256)
    rest = Math.floor(rest / 256)
  }
  return written
}

export function readNumber(text: string, from: number, bytes: number): number {
  let value = 0
  for (let index = from + bytes - 1; index >= from; index--) value = value * 256 + text.charCodeAt(index)
  return value
}

/** LINE's answers end at 64 KB, but bytes that are no UTF-8 become three bytes each when they are read and written again. */
const lengthBytes = 3

/** Writes fields, each with its length first. Missing fields at the end are left out. */
export function writeFields(fields: readonly (string | undefined)[]): string {
  const last = fields.findLastIndex((field) => field !== undefined)
  return fields
    .slice(0, last + 1)
    .map(writeField)
    .join('')
}

/** The length is written plus one: zero means that the field is missing, which is not the same as empty. */
function writeField(bytes: string | undefined): string {
  return bytes === undefined ? missingField : writeNumber(bytes.length + 1, lengthBytes) + bytes
}

const missingField = writeNumber(0, lengthBytes)

/** Reads the field with this number; the fields begin at `from`. `undefined` where it is missing. */
export function readField(text: string, from: number, number: number): string | undefined {
  const start = startOf(text, from, number)
  const length = lengthAt(text, start)
  return length < 0 ? undefined : text.slice(start + lengthBytes, start + lengthBytes + length)
}

export function hasField(text: string, from: number, number: number): boolean {
  return lengthAt(text, startOf(text, from, number)) >= 0
}

function startOf(text: string, from: number, number: number): number {
  let start = from
  for (let before = 0; before < number; before++) start += lengthBytes + Math.max(lengthAt(text, start), 0)
  return start
}

/** -1 where the field is missing or beyond the end. */
function lengthAt(text: string, start: number): number {
  return start < text.length ? readNumber(text, start, lengthBytes) - 1 : -1
}

/** Text as UTF-8: one wide character would make the whole string take two bytes a character. */
export function encodeText(text: string | null | undefined): string | undefined {
  if (text == null) return undefined
  return isAscii(text) ? text : Buffer.from(text).toString('latin1')
}

export function decodeText(bytes: string | undefined): string | undefined {
  return bytes === undefined || isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString()
}

/** ASCII text is the same in UTF-8. */
function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}
