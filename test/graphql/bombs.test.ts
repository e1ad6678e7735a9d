import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { codesOf, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

let gateway: RunningGateway
/** The token of another caller. */
let otherToken: string
beforeAll(async () => {
  gateway = await startRunningGateway({ INTROSPECTION: 'true' })
  otherToken = gateway.issue().accessToken
  await whoIs(otherToken)
})
let slowestMs = 0
afterAll(async () => {
  print(`the slowest refused operation: ${Math.round(slowestMs)} ms`)
  await gateway.close()
})

const whoIs = (token: string) => gateway.ask('{ viewer { displayName } }', { token })
const many = (count: number, make: (n: number) => string) => Array.from({ length: count }, (_, n) => make(n)).join(' ')
const wrapped = (depth: number, open: string, inner: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth)
const verify = 'verifyAccessToken(accessToken: "x.y.z") { active }'

const expensive: Record<string, string> = {
  'aliases of a field that calls LINE': `{ ${many(100, (n) => `a${n}: ${verify}`)} }`,
  'aliases of a refresh': `mutation { ${many(60, (n) => `a${n}: refreshToken(input: { refreshToken: "x" }) { tokenType }`)} }`,
  'aliases in an object': `{ viewer { ${many(200, (n) => `a${n}: displayName`)} } }`,
  depth: `{ ${wrapped(200, 'viewer { ', 'id', ' }')} }`,
  'depth in inline fragments': `{ ${wrapped(150, '... on Query { ', '__typename', ' }')} ${wrapped(40, '... { viewer { ', 'id', ' } }')} }`,
  'a fragment that spreads itself': '{ viewer { ...F } } fragment F on Viewer { id ...F }',
  'fragments that spread each other in a circle':
    '{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...C ...A } fragment C on Viewer { ...A ...B }',
  'fragments that double': `{ viewer { ...F0 } } ${many(30, (n) => `fragment F${n} on Viewer { ...F${n + 1} ...F${n + 1} }`)} fragment F30 on Viewer { id }`,
  'spreads of fragments that do not exist': `{ viewer { ${many(600, (n) => `...F${n}`)} } }`,
  'directives in one place': `{ viewer { id ${many(400, () => '@skip(if: false)')} } }`,
  'directives that do not exist': `{ viewer { id ${many(900, () => '@a')} } }`,
  'duplicate fields': `{ viewer { ${many(900, () => 'id')} } }`,
  'duplicate fields with arguments': `{ viewer { ${many(200, () => 'pictureUrl(size: LARGE)')} } } ${' '.repeat(2_000)}`,
  'duplicate fields in inline fragments': `{ ${many(150, () => '... { viewer { id } }')} }`,
  'conflicting aliases': `{ viewer { ${many(240, (n) => `x: ${n % 2 ? 'id' : 'displayName'}`)} } }`,
  tokens: `{ ${verify.replace('"x.y.z"', `[${many(2_000, () => '1')}]`)} }`,
  characters: `{ viewer { id } } #${'x'.repeat(20_000)}`,
  'a long literal': `{ ${verify.replace('x.y.z', 'x'.repeat(50_000))} }`,
  'a deep literal': `{ ${verify.replace('"x.y.z"', wrapped(900, '[', '1', ']'))} }`,
  'a deep object': `{ ${verify.replace('"x.y.z"', wrapped(240, '{a: ', '1', '}'))} }`,
  'variables of an unknown type': `query (${many(300, (n) => `$v${n}: Nothing`)}) { viewer { id } }`,
  'unused variables': `query (${many(240, (n) => `$v${n}: String!`)}) { viewer { id } }`,
  'unknown fields': `{ ${many(450, (n) => `nobody${n}`)} }`,
  operations: many(130, (n) => `query Q${n} { viewer { id } }`),
  'operations with the same name': many(130, () => 'query Q { viewer { id } }'),
  introspection: `{ ${many(14, (n) => `a${n}: __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } }`)} }`,
  'deep introspection': `{ __type(name: "Query") { ${wrapped(40, 'fields { type { ', 'name', ' } }')} } }`,
}

describe('an operation made to be expensive', () => {
  it.each(Object.entries(expensive))(
    '%s: refused without a call to LINE, and another caller gets an answer',
    async (_, query) => {
      gateway.emulator.calls.reset()
      const startedAt = performance.now()
      const [reply, other] = await Promise.all([gateway.ask(query, { token: otherToken }), whoIs(otherToken)])
      const ms = performance.now() - startedAt
      slowestMs = Math.max(slowestMs, ms)
      // Refused operations take milliseconds. One that is not refused early blocks the process for far longer.
      expect(ms).toBeLessThan(20_000)
      expect(other.data).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
      expect(codesOf(reply)[0]).toMatch(/^(OPERATION_TOO_COMPLEX|GRAPHQL_VALIDATION_FAILED|GRAPHQL_PARSE_FAILED)$/)
      expect(reply.data).toBeUndefined()
      expect(reply.errors.length).toBeLessThanOrEqual(5)
      expect(reply.text.length).toBeLessThan(64 * 1024)
      expect(gateway.emulator.calls.total()).toBe(0)
    },
  )

  it('a batch of requests in one body: status 400 without a call to LINE', async () => {
    const batch = JSON.stringify(Array.from({ length: 100 }, () => ({ query: `{ ${verify} }` })))
    const headers = { 'content-type': 'application/json' }
    const reply = await gateway.send('/graphql', { method: 'POST', headers, body: batch })
    expect(reply).toMatchObject({ status: 400, data: undefined })
    expect(gateway.emulator.calls.total()).toBe(0)
  })
})

it('a document of the largest allowed size: answered', async () => {
  const query = `{ viewer { ${many(15, (n) => `a${n}: displayName`)} ${many(300, () => 'displayName')} } }`
  const reply = await gateway.ask(query, { token: otherToken })
  expect(reply.errors).toEqual([])
  expect(reply.data?.viewer).toMatchObject({ a14: 'Sakura Tanaka' })
})

it('the introspection query of GraphiQL and code generators: answered', async () => {
  const { getIntrospectionQuery } = await import('graphql')
  const reply = await gateway.ask(
    getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }),
  )
  expect(reply.errors).toEqual([])
  expect(reply.data).toHaveProperty('__schema.types')
})
