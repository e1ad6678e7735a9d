/**
 * Bytes in a string, one character for each byte. A JavaScript string costs less memory and less garbage collection
 * than an object with the same contents. It takes one byte a character if no character is above U+00FF.
 */

/** Writes the least significant byte first. Rounds down, so that a stored time is never later than the original. */
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

/** LINE's answers have at most 64 KB, but decoding and encoding makes three bytes of a byte that is not UTF-8. */
const lengthBytes = 3

/** Writes each field after its length. Missing fields at the end are left out. */
export function writeFields(fields: readonly (string | undefined)[]): string {
  const last = fields.findLastIndex((field) => field !== undefined)
  return fields
    .slice(0, last + 1)
    .map(writeField)
    .join('')
}

/** Writes the length plus one. Zero means that the field is missing, one means that it is empty. */
function writeField(bytes: string | undefined): string {
  return bytes === undefined ? missingField : writeNumber(bytes.length + 1, lengthBytes) + bytes
}

const missingField = writeNumber(0, lengthBytes)

/** Reads the field with this number (the first is 0). The fields begin at `from`. `undefined`: the field is missing. */
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

/** -1: the field is missing or after the end. */
function lengthAt(text: string, start: number): number {
  return start < text.length ? readNumber(text, start, lengthBytes) - 1 : -1
}

/** Encodes text as UTF-8. One character above U+00FF would make the whole string take two bytes a character. */
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
