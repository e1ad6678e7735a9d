import { expect, it } from 'vitest'
import { createNonces } from '../../src/login/nonces.ts'

const secret = 'a secret shared by all replicas'

it('a nonce: recognized by a replica with the same secret, and by no other', () => {
  const nonce = createNonces(secret, () => 0).issue()
  expect(createNonces(secret, () => 0).isOurs(nonce)).toBe(true)
  expect(createNonces('another secret', () => 0).isOurs(nonce)).toBe(false)
})

it('1,000 nonces: all different, and safe in a URL', () => {
  const { issue } = createNonces(secret, () => 0)
  const all = Array.from({ length: 1_000 }, issue)
  expect(new Set(all).size).toBe(1_000)
  for (const nonce of all) expect(nonce).toMatch(/^[\w-]{43}$/)
})

it('a nonce with one changed character: not ours', () => {
  const { issue, isOurs } = createNonces(secret, () => 0)
  const nonce = issue()
  for (let at = 0; at < nonce.length - 1; at += 1) {
    const changed = nonce[at] === 'A' ? 'B' : 'A'
    expect(isOurs(nonce.slice(0, at) + changed + nonce.slice(at + 1))).toBe(false)
  }
})

it.each(['', 'n', 'a'.repeat(42), 'a'.repeat(43), 'a'.repeat(44), '€'.repeat(43)])('%j: not ours', (nonce) => {
  expect(createNonces(secret, () => 0).isOurs(nonce)).toBe(false)
})

it('a used nonce: cannot be used again for an hour', () => {
  let time = 0
  const { issue, use } = createNonces(secret, () => time)
  const [nonce, other] = [issue(), issue()]
  expect([use(nonce), use(nonce), use(other)]).toEqual([true, false, true])
  time = 3_599_999
  expect(use(nonce)).toBe(false)
  time = 3_600_000
  expect(use(nonce)).toBe(true)
})

it('a second try: does not make the hour longer', () => {
  let time = 0
  const { use } = createNonces(secret, () => time)
  use('n')
  time = 3_000_000
  use('n')
  time = 3_600_000
  expect(use('n')).toBe(true)
})

it('a clock that is set back by a minute: a used nonce stays used', () => {
  let time = 10_000_000
  const { use } = createNonces(secret, () => time)
  use('n')
  time -= 60_000
  expect(use('n')).toBe(false)
})
