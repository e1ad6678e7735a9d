import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { codesOf, expectNoCallsAfterEach, useSharedGateway } from '../harness/running-gateway.ts'

const gateway = useSharedGateway()
expectNoCallsAfterEach(gateway)

const json = { 'content-type': 'application/json' }
const newer = 'application/graphql-response+json'
const question = JSON.stringify({ query: '{ __typename }' })
const answer = { __typename: 'Query' }

const post = (body: string | Buffer, headers: Record<string, string> = json) =>
  gateway().send('/graphql', { method: 'POST', headers, body })

describe('a body that is not correct', () => {
  const wrong = {
    'an empty body': '',
    'white space': ' \n\t ',
    'half a body': question.slice(0, 9),
    'two bodies': question + question,
    'a comment': `// hello\n${question}`,
    'single quotes': "{'query':'{__typename}'}",
    'a byte order mark': `\uFEFF${question}`,
    'UTF-16': Buffer.from(question, 'utf16le'),
    gzip: gzipSync(question),
    'a null byte': `${question}\0`,
    'control characters in a string': '{"query":"{\u0001__typename}"',
    'an unescaped line break': '{"query":"{\n__typename',
    NaN: '{"query":NaN}',
    'a string': '"{ __typename }"',
    'a number': '1e999',
    null: 'null',
    true: 'true',
    'an empty object': '{}',
    'a batch': `[${question}]`,
    'an empty batch': '[]',
    'no query': '{"variables":{}}',
    'a query of null': '{"query":null}',
    'a query of a number': '{"query":1}',
    'a query of a list': '{"query":["{ __typename }"]}',
    'a query of an object': '{"query":{"toString":"{ __typename }"}}',
    'an empty query': '{"query":""}',
    'a query of a null character': '{"query":"\\u0000"}',
    'a query of half a character': '{"query":"\\ud83e"}',
    'variables of a string': '{"query":"{__typename}","variables":"{}"}',
    'variables of a list': '{"query":"{__typename}","variables":[]}',
    'variables of a number': '{"query":"{__typename}","variables":0}',
    'variables of false': '{"query":"{__typename}","variables":false}',
    'an operation name of a number': '{"query":"{__typename}","operationName":1}',
    'an operation name of an object': '{"query":"{__typename}","operationName":{}}',
    'extensions of a string': '{"query":"{__typename}","extensions":"x"}',
    'extensions of a list': '{"query":"{__typename}","extensions":[1]}',
    'a query in a prototype': '{"__proto__":{"query":"{__typename}"}}',
    'an unknown operation name': '{"query":"{__typename}","operationName":"Nobody"}',
    'two queries, the last one a number': '{"query":"{__typename}","query":7}',
    'lists as deep as 100 KB allows': '['.repeat(50_000) + ']'.repeat(50_000),
    'lists that do not end': '['.repeat(100_000),
    'objects that do not end': '{"a":'.repeat(20_000),
    'a query as deep as the limits allow': JSON.stringify({ query: '{a'.repeat(4_000) }),
    'lists in a query as deep as the limits allow': JSON.stringify({ query: `{ a(b: ${'['.repeat(900)}` }),
  }

  it.each(Object.entries(wrong))('%s: 4xx with a code', async (_, body) => {
    const reply = await post(body, { ...json, accept: newer })
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(reply.status).toBeLessThan(500)
    expect(codesOf(reply)[0]).toMatch(/^(BAD_REQUEST|GRAPHQL_PARSE_FAILED|OPERATION_TOO_COMPLEX)$/)
    expect(reply.data).toBeUndefined()
    expect(reply.text.length).toBeLessThan(1_000)
  })
})

describe('a body with unusual parameters', () => {
  it('unknown members: ignored by both engines', async () => {
    for (const query of ['{ __typename }', 'query ($yes: Boolean = true) { __typename @include(if: $yes) }']) {
      const body = JSON.stringify({ query, id: 1, documentId: 'x', doc_id: 2 })
      expect(await post(body)).toMatchObject({ status: 200, data: answer })
    }
  })

  it.each([
    ['variables', '{"query":"{__typename}","variables":{"a":DEEP}}'],
    ['extensions', '{"query":"{__typename}","extensions":{"a":DEEP}}'],
    ['an unknown member', '{"query":"{__typename}","more":DEEP}'],
    [
      'variables of a mutation',
      '{"query":"mutation($i:RefreshTokenInput!){refreshToken(input:$i){tokenType}}","variables":{"i":DEEP}}',
    ],
    [
      'a list variable',
      '{"query":"query($t:[String!]!){verifyAccessTokens(accessTokens:$t){active}}","variables":{"t":DEEP}}',
    ],
    ['variables beside introspection', '{"query":"{__typename @skip(if:false)}","variables":{"a":DEEP}}'],
    ['extensions of a mutation', '{"query":"mutation{logout{revoked}}","extensions":{"a":DEEP}}'],
  ])('lists as deep as 100 KB allows in %s: no 5xx', async (_, body) => {
    const reply = await post(body.replace('DEEP', '['.repeat(50_000) + ']'.repeat(50_000)))
    expect(reply.status).toBeLessThan(500)
    expect(codesOf(reply)).not.toContain('INTERNAL_SERVER_ERROR')
  })

  it('variables with 7,000 numbers as keys: an answer', async () => {
    const keys = Array.from({ length: 7_000 }, (_, n) => `"${n}":${n}`).join()
    expect(await post(`{"query":"{__typename}","variables":{${keys}}}`)).toMatchObject({ status: 200, data: answer })
  })

  it('`__proto__` and `constructor` in variables: no prototype is changed', async () => {
    const reply = await post(
      '{"query":"{__typename}","variables":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
    )
    expect(reply).toMatchObject({ status: 200, data: answer })
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})

describe('a query string', () => {
  it('query, variables, operationName, extensions: an answer', async () => {
    const query = 'query A { __typename } query B($yes: Boolean!) { __typename @include(if: $yes) }'
    const search = new URLSearchParams({ query, operationName: 'B', variables: '{"yes":true}', extensions: '{}' })
    expect(await gateway().send(`/graphql?${search}`)).toMatchObject({ status: 200, data: answer })
  })

  it('empty variables, and a JSON content type: an answer', async () => {
    const reply = await gateway().send('/graphql?query={__typename}&variables=', { headers: json })
    expect(reply).toMatchObject({ status: 200, data: answer })
  })

  it.each([
    '',
    'variables={}',
    'query=',
    'query={__typename',
    'query={__typename}&variables=x',
    'query={__typename}&variables=[]',
    'query={__typename}&extensions={',
    'query={__typename}&operationName=B',
    'query=%00%ff%zz',
  ])('%j: 400 with one error', async (search) => {
    const reply = await gateway().send(`/graphql?${search}`, { headers: { accept: newer } })
    expect(reply).toMatchObject({ status: 400 })
    expect(reply.errors).toHaveLength(1)
  })
})
