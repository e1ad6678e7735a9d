import { expect, it } from 'vitest'
import { createNonces } from '../../src/login/nonces.ts'

const secret = 'a secret shared by all replicas'

it('a nonce: recognized by a replica with the same secret, and by no other', () => {
  const nonce = createNonces([secret]).issue()
  expect(createNonces([secret]).isOurs(nonce)).toBe(true)
  expect(createNonces(['another secret']).isOurs(nonce)).toBe(false)
})

it('several secrets: the first one signs, and nonces of all of them are ours', () => {
  const both = createNonces(['a new secret', secret])
  expect(both.isOurs(createNonces([secret]).issue())).toBe(true)
  expect(createNonces(['a new secret']).isOurs(both.issue())).toBe(true)
  expect(createNonces([secret]).isOurs(both.issue())).toBe(false)
})

it('1,000 nonces: all different, and safe in a URL', () => {
  const { issue } = createNonces([secret])
  const all = Array.from({ length: 1_000 }, issue)
  expect(new Set(all).size).toBe(1_000)
  for (const nonce of all) expect(nonce).toMatch(/^[\w-]{43}$/)
})

it('a nonce with one changed character: not ours', () => {
  const { issue, isOurs } = createNonces([secret])
  const nonce = issue()
  for (let at = 0; at < nonce.length - 1; at += 1) {
    const changed = nonce[at] === 'A' ? 'B' : 'A'
    expect(isOurs(nonce.slice(0, at) + changed + nonce.slice(at + 1))).toBe(false)
  }
})

it.each(['', 'n', 'a'.repeat(42), 'a'.repeat(43), 'a'.repeat(44), '€'.repeat(43)])('%j: not ours', (nonce) => {
  expect(createNonces([secret]).isOurs(nonce)).toBe(false)
})
