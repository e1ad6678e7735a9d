import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { noSourceLimit, START_MS, useRunningGateway, web } from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)

/** Refused at its signature, so that all work before it is done. Filled with JSON that takes long to parse. */
function tokenOf(bytes: number, secret = 'wrong secret'): string {
  const iat = START_MS / 1_000
  const claims = { iss: 'https://access.line.me', sub: 'U1', aud: web.id, exp: iat + 3_600, iat, x: [] as unknown[] }
  const header = encode({ alg: 'HS256' })
  const room = bytes * 0.75 - JSON.stringify(claims).length - 70
  claims.x = Array.from({ length: Math.max(Math.floor(room / 3), 0) }, () => [])
  const content = `${header}.${encode(claims)}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

it.each([
  [1, 600],
  [1, 8_000],
  [1, 95_000],
  [15, 600],
  [15, 6_400],
])('%i ID tokens of %i characters in one operation (D14)', async (fields, bytes) => {
  const names = Array.from({ length: fields }, (_, nth) => `a${nth}`)
  const query = `query (${names.map((name) => `$${name}: String!`)}) {
    ${names.map((name) => `${name}: verifyIdToken(input: { idToken: $${name} }) { sub }`).join(' ')} }`
  const variables = Object.fromEntries(names.map((name) => [name, tokenOf(bytes)]))
  let best = Infinity
  for (let run = 0; run < 40; run += 1) {
    const start = performance.now()
    const { errors } = await gateway().ask(query, { variables })
    best = Math.min(best, performance.now() - start)
    expect(errors).toHaveLength(fields)
    expect(errors[0]?.extensions.reason).toBe(bytes > 8_192 ? 'MALFORMED' : 'SIGNATURE')
  }
  print(`${fields} bad ID tokens of ${bytes} characters in one operation: ${best.toFixed(2)} ms`)
})
