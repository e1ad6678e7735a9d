import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

let gateway: RunningGateway
let bystander: string
beforeAll(async () => {
  gateway = await startRunningGateway({ INTROSPECTION: 'true' })
  bystander = gateway.issue().accessToken
  await whoIs(bystander)
})
afterAll(() => gateway.close())

const whoIs = (token: string) => gateway.ask('{ viewer { displayName } }', { token })
const many = (count: number, make: (n: number) => string) => Array.from({ length: count }, (_, n) => make(n)).join(' ')
const wrapped = (depth: number, open: string, inner: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth)
const verify = 'verifyAccessToken(accessToken: "x.y.z") { active }'

const bombs: Record<string, string> = {
  'aliases of a question to LINE': `{ ${many(100, (n) => `a${n}: ${verify}`)} }`,
  'aliases of a refresh': `mutation { ${many(60, (n) => `a${n}: refreshToken(input: { refreshToken: "x" }) { tokenType }`)} }`,
  'aliases in an object': `{ viewer { ${many(200, (n) => `a${n}: displayName`)} } }`,
  depth: `{ ${wrapped(200, 'viewer { ', 'id', ' }')} }`,
  'depth in inline fragments': `{ ${wrapped(150, '... on Query { ', '__typename', ' }')} ${wrapped(40, '... { viewer { ', 'id', ' } }')} }`,
  'a fragment in itself': '{ viewer { ...F } } fragment F on Viewer { id ...F }',
  'fragments in a circle':
    '{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...C ...A } fragment C on Viewer { ...A ...B }',
  'fragments that double': `{ viewer { ...F0 } } ${many(30, (n) => `fragment F${n} on Viewer { ...F${n + 1} ...F${n + 1} }`)} fragment F30 on Viewer { id }`,
  'fragments that nobody has': `{ viewer { ${many(600, (n) => `...F${n}`)} } }`,
  'directives in one place': `{ viewer { id ${many(400, () => '@skip(if: false)')} } }`,
  'directives nobody has': `{ viewer { id ${many(900, () => '@a')} } }`,
  duplicates: `{ viewer { ${many(900, () => 'id')} } }`,
  'duplicates with arguments': `{ viewer { ${many(200, () => 'pictureUrl(size: LARGE)')} } } ${' '.repeat(2_000)}`,
  'duplicates in inline fragments': `{ ${many(150, () => '... { viewer { id } }')} }`,
  conflicts: `{ viewer { ${many(240, (n) => `x: ${n % 2 ? 'id' : 'displayName'}`)} } }`,
  tokens: `{ ${verify.replace('"x.y.z"', `[${many(2_000, () => '1')}]`)} }`,
  characters: `{ viewer { id } } #${'x'.repeat(20_000)}`,
  'a long literal': `{ ${verify.replace('x.y.z', 'x'.repeat(50_000))} }`,
  'a deep literal': `{ ${verify.replace('"x.y.z"', wrapped(900, '[', '1', ']'))} }`,
  'a deep object': `{ ${verify.replace('"x.y.z"', wrapped(240, '{a: ', '1', '}'))} }`,
  variables: `query (${many(300, (n) => `$v${n}: Nothing`)}) { viewer { id } }`,
  'variables nobody uses': `query (${many(240, (n) => `$v${n}: String!`)}) { viewer { id } }`,
  mistakes: `{ ${many(450, (n) => `nobody${n}`)} }`,
  operations: many(130, (n) => `query Q${n} { viewer { id } }`),
  'operations of one name': many(130, () => 'query Q { viewer { id } }'),
  introspection: `{ ${many(14, (n) => `a${n}: __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } }`)} }`,
  'deep introspection': `{ __type(name: "Query") { ${wrapped(40, 'fields { type { ', 'name', ' } }')} } }`,
}

describe('a bomb of', () => {
  it.each(Object.entries(bombs))('%s does not go off, and nobody beside it notices', async (_, query) => {
    gateway.emulator.calls.reset()
    const startedAt = performance.now()
    const [reply, beside] = await Promise.all([gateway.ask(query, { token: bystander }), whoIs(bystander)])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    expect(beside.data).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
    expect(codesOf(reply)[0]).toMatch(/^(OPERATION_TOO_COMPLEX|GRAPHQL_VALIDATION_FAILED|GRAPHQL_PARSE_FAILED)$/)
    expect(reply.data).toBeUndefined()
    expect(reply.errors.length).toBeLessThanOrEqual(5)
    expect(reply.text.length).toBeLessThan(64 * 1024)
    expect(gateway.emulator.calls.total()).toBe(0)
  })

  it('requests in one body does not go off', async () => {
    const batch = JSON.stringify(Array.from({ length: 100 }, () => ({ query: `{ ${verify} }` })))
    const headers = { 'content-type': 'application/json' }
    const reply = await gateway.send('/graphql', { method: 'POST', headers, body: batch })
    expect(reply).toMatchObject({ status: 400, data: undefined })
    expect(gateway.emulator.calls.total()).toBe(0)
  })
})

it('a document as large as it may be is answered', async () => {
  const query = `{ viewer { ${many(15, (n) => `a${n}: displayName`)} ${many(300, () => 'displayName')} } }`
  const reply = await gateway.ask(query, { token: bystander })
  expect(reply.errors).toEqual([])
  expect(reply.data?.viewer).toMatchObject({ a14: 'Sakura Tanaka' })
})

it('the introspection of GraphiQL and of code generators is answered', async () => {
  const { getIntrospectionQuery } = await import('graphql')
  const reply = await gateway.ask(
    getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }),
  )
  expect(reply.errors).toEqual([])
  expect(reply.data).toHaveProperty('__schema.types')
})
