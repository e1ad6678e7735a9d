import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(64 * 1024)
let used = pool.length

/** Secure random text in base64url: 4 characters for 3 bytes. */
export function randomText(bytes: number): string {
  return take(bytes, 'base64url')
}

export function randomHex(bytes: number): string {
  return take(bytes, 'hex')
}

// One system call serves thousands of texts: a benchmark makes a million tokens, and each answer has a request ID.
function take(bytes: number, encoding: 'base64url' | 'hex'): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString(encoding, used, used + bytes)
  used += bytes
  return text
}
