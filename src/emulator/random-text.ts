import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(64 * 1024)
let used = pool.length

/** Unguessable text of base64url characters, 4 for each 3 bytes. */
export function randomText(bytes: number): string {
  return take(bytes, 'base64url')
}

export function randomHex(bytes: number): string {
  return take(bytes, 'hex')
}

// One system call for thousands of texts: a benchmark mints a million tokens, and every answer has a request ID.
function take(bytes: number, encoding: 'base64url' | 'hex'): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString(encoding, used, used + bytes)
  used += bytes
  return text
}
