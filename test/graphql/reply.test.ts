import { getIntrospectionQuery } from 'graphql'
import { describe, expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { codesOf, noSourceLimit, useSharedGateway } from '../harness/running-gateway.ts'

const gateway = useSharedGateway({ INTROSPECTION: 'true', ...noSourceLimit })

const many = (count: number, make: (n: number) => string) => Array.from({ length: count }, (_, n) => make(n)).join(' ')
const verifyMany = (selection: string) =>
  `query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { ${selection} } }`
/** Only the general engine executes operations with directives. */
const engines = [
  ['the planned engine', ''],
  ['the general engine', 'active @skip(if: false)'],
] as const

describe.each(engines)('a list of 100 tokens, %s', (_, directive) => {
  const ask = (selection: string, token: string) =>
    gateway().ask(verifyMany(`${selection} ${directive}`), { variables: { tokens: Array(100).fill(token) } })

  it('100 errors: each of them, and the data of the other fields (D19)', async () => {
    const { accessToken } = gateway().issue({ scope: 'openid' })
    const { errors, data, text } = await ask('channelId viewer { displayName }', accessToken)
    expect(errors).toHaveLength(100)
    expect(errors[99]).toMatchObject({ path: ['verifyAccessTokens', 99, 'viewer'], locations: [{ line: 1 }] })
    expect(data?.verifyAccessTokens).toHaveLength(100)
    expect(text.length).toBeLessThan(64 * 1024)
  })

  it('1,500 errors: 200 of them, no data, less than 64 KB (D19)', async () => {
    const { accessToken } = gateway().issue({ scope: 'openid' })
    const reply = await ask(
      many(15, (n) => `a${n}: viewer { displayName }`),
      accessToken,
    )
    expect(reply).toMatchObject({ status: 200, data: null })
    expect(reply.errors).toHaveLength(200)
    expect(new Set(codesOf(reply))).toEqual(new Set(['FORBIDDEN']))
    expect(reply.text.length).toBeLessThan(64 * 1024)
  })

  it('more than 256 K characters of data: OPERATION_TOO_COMPLEX (D19)', async () => {
    const selection = many(12, (n) => `${'a'.repeat(500)}${n}: active`)
    const reply = await ask(selection, gateway().issue().accessToken)
    expect(reply).toMatchObject({ status: 400, data: undefined })
    expect(codesOf(reply)).toEqual(['OPERATION_TOO_COMPLEX'])
  })

  it('a field that is selected 150 times: an error shows two of its places (D19)', async () => {
    const { accessToken } = gateway().issue({ scope: 'openid' })
    const { errors, text } = await ask(
      many(150, () => 'viewer { displayName }'),
      accessToken,
    )
    expect(errors).toHaveLength(100)
    expect(errors[0]?.locations).toHaveLength(2)
    expect(text.length).toBeLessThan(64 * 1024)
  })
})

it('1,500 errors in a text of 8,000 lines: as many as in a text of one line (D19)', async () => {
  const { accessToken } = gateway().issue({ scope: 'openid' })
  const query = verifyMany(many(15, (n) => `a${n}: viewer { displayName }`))
  const variables = { tokens: Array(100).fill(accessToken) }
  for (const text of [query, '\n'.repeat(8_000) + query]) {
    const startedAt = performance.now()
    const { errors } = await gateway().ask(text, { variables })
    print(`1,500 errors in ${text.split('\n').length} lines: ${Math.round(performance.now() - startedAt)} ms`)
    expect(errors[199]?.locations?.[0]?.line).toBe(text.split('\n').length)
  }
})

it('the whole schema by introspection: less than the largest answer (D19)', async () => {
  const { errors, text } = await gateway().ask(
    getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }),
  )
  expect(errors).toEqual([])
  print(`the answer of introspection has ${Math.round(text.length / 1024)} K characters`)
})
