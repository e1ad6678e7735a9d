import { request as nodeRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readBody } from '../../src/http/read-request.ts'
import { incoming } from '../harness/incoming.ts'
import { sayRaw, statusesIn } from '../harness/raw-http.ts'
import { codesOf, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway()
})
afterAll(() => gateway.close())
/** Nothing in this file may make anything happen at LINE, and nothing is unexpected. */
afterEach(() => {
  const { emulator, log } = gateway
  const seen = { calls: emulator.calls.total(), unexpected: unexpectedIn(log()) - unexpectedBefore }
  emulator.calls.reset()
  unexpectedBefore += seen.unexpected
  expect(seen).toEqual({ calls: 0, unexpected: 0 })
})

let unexpectedBefore = 0
const unexpectedIn = (log: string) => log.split('"unexpected error"').length - 1

const json = { 'content-type': 'application/json' }
const newer = 'application/graphql-response+json'
const question = JSON.stringify({ query: '{ __typename }' })
const answer = { __typename: 'Query' }

const post = (body: string | Buffer, headers: Record<string, string> = json) =>
  gateway.send('/graphql', { method: 'POST', headers, body })
const get = (search: string, headers: Record<string, string> = {}) =>
  gateway.send(`/graphql?${new URLSearchParams(search)}`, { headers })

describe('what is taken', () => {
  it.each([
    'application/json',
    'application/json;charset=utf-8',
    'Application/JSON; Charset="UTF-8"',
    'application/json ; charset=utf8',
    'application/json;',
  ])('POST of %s', async (type) => {
    expect(await post(question, { 'content-type': type })).toMatchObject({ status: 200, data: answer })
  })

  it('GET of a query, with its variables and name', async () => {
    const query = 'query A { __typename } query B($yes: Boolean!) { __typename @include(if: $yes) }'
    const search = new URLSearchParams({ query, operationName: 'B', variables: '{"yes":true}', extensions: '{}' })
    expect(await get(search.toString())).toMatchObject({ status: 200, data: answer })
    expect(await get(new URLSearchParams({ query: '{__typename}', variables: '' }).toString(), json)).toMatchObject({
      status: 200,
      data: answer,
    })
  })

  it('a body of 100 KB, and none of its bytes more', async () => {
    const padded = (bytes: number) => `${question}${' '.repeat(bytes - question.length)}`
    expect(await post(padded(102_400))).toMatchObject({ status: 200, data: answer })
    expect(await post(padded(102_401))).toMatchObject({
      status: 413,
      errors: [{ extensions: { code: 'BAD_REQUEST' } }],
    })
  })

  it('a body in pieces, cut inside a character', async () => {
    const body = Buffer.from(
      JSON.stringify({ query: '{ __typename }', operationName: null, extensions: { a: '漢字🦊' } }),
    )
    const chunks = [...body].map((byte) => Buffer.of(byte))
    const reply = await gateway.send('/graphql', {
      method: 'POST',
      headers: json,
      body: (async function* () {
        yield* chunks
      })() as never,
    })
    expect(reply).toMatchObject({ status: 200, data: answer })
  })

  it('members it does not know are ignored, whatever answers', async () => {
    for (const query of ['{ __typename }', 'query ($yes: Boolean = true) { __typename @include(if: $yes) }']) {
      const body = JSON.stringify({ query, id: 1, documentId: 'x', doc_id: 2 })
      expect(await post(body)).toMatchObject({ status: 200, data: answer })
    }
  })
})

describe('what is refused by its head', () => {
  it.each(['PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'] as const)('%s', async (method) => {
    const reply = await sayRaw(
      gateway.url,
      `${method} /graphql?query={__typename} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    )
    expect(statusesIn(reply)).toEqual([405])
    expect(reply.text).toMatch(/^allow: GET, POST\r$/m)
  })

  it.each([
    undefined,
    '',
    'text/plain',
    'application/graphql',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'application/json-patch+json',
    'application/graphql-response+json',
    'text/json',
    'text/plain; application/json',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'application/json; charset=shift_jis',
    'application/json; charset=utf-8; boundary=x',
    'nonsense',
  ])('POST of %s', async (type) => {
    const reply = await post(question, type === undefined ? {} : { 'content-type': type })
    expect(reply).toMatchObject({ status: 415, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
  })

  it('a GET that claims a body of another kind', async () => {
    for (const type of ['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded']) {
      expect(await get('query={__typename}', { 'content-type': type })).toMatchObject({ status: 415 })
    }
  })

  it.each(['gzip', 'br', 'deflate', 'identity', 'x'])('a body encoded as %s', async (encoding) => {
    expect(await post(gzipSync(question), { ...json, 'content-encoding': encoding })).toMatchObject({ status: 415 })
  })

  it('more than one Authorization header, however they are spelled', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n'
    const twice = `authorization: Bearer a\r\nAUTHORIZATION: Bearer b\r\ncontent-length: ${question.length}\r\n\r\n${question}`
    expect(statusesIn(await sayRaw(gateway.url, head + twice))).toEqual([400])
  })

  it('answers it has none of', async () => {
    expect(await post(question, { ...json, accept: 'text/html' })).toMatchObject({ status: 406 })
  })

  it('a body that says it is too large, before it is sent', async () => {
    const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{`
    const heard = await sayRaw(gateway.url, head)
    expect(statusesIn(heard)).toEqual([413])
    expect(heard.closed).toBe(true)
  })

  it('a body that turns out too large, without its end', async () => {
    const head =
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
    const heard = await sayRaw(gateway.url, head + chunk.repeat(8))
    expect(statusesIn(heard)).toEqual([413])
    expect(heard.closed).toBe(true)
  })

  it('headers and addresses of more than 16 KB', async () => {
    const long = 'x'.repeat(17_000)
    expect(
      statusesIn(await sayRaw(gateway.url, `GET /graphql HTTP/1.1\r\nhost: x\r\nx-long: ${long}\r\n\r\n`)),
    ).toEqual([431])
    expect(statusesIn(await sayRaw(gateway.url, `GET /graphql?query=${long} HTTP/1.1\r\nhost: x\r\n\r\n`))).toEqual([
      431,
    ])
  })
})

describe('a body that is no request', () => {
  const wrong = {
    'nothing at all': '',
    'white space': ' \n\t ',
    'half of one': question.slice(0, 9),
    'two of them': question + question,
    'a comment': `// hello\n${question}`,
    'single quotes': "{'query':'{__typename}'}",
    'a byte order mark': `\uFEFF${question}`,
    'UTF-16': Buffer.from(question, 'utf16le'),
    gzip: gzipSync(question),
    'a null byte': `${question}\0`,
    'control characters in a string': '{"query":"{\u0001__typename}"',
    'an unescaped line break': '{"query":"{\n__typename',
    NaN: '{"query":NaN}',
    'a text': '"{ __typename }"',
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
    'variables of text': '{"query":"{__typename}","variables":"{}"}',
    'variables of a list': '{"query":"{__typename}","variables":[]}',
    'variables of a number': '{"query":"{__typename}","variables":0}',
    'variables of false': '{"query":"{__typename}","variables":false}',
    'an operation name of a number': '{"query":"{__typename}","operationName":1}',
    'an operation name of an object': '{"query":"{__typename}","operationName":{}}',
    'extensions of text': '{"query":"{__typename}","extensions":"x"}',
    'extensions of a list': '{"query":"{__typename}","extensions":[1]}',
    'a query in a prototype': '{"__proto__":{"query":"{__typename}"}}',
    'a persisted query alone': '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}',
    'a name nobody has': '{"query":"{__typename}","operationName":"Nobody"}',
    'the last of two queries wrong': '{"query":"{__typename}","query":7}',
    'lists as deep as they fit': '['.repeat(50_000) + ']'.repeat(50_000),
    'lists without an end': '['.repeat(100_000),
    'objects without an end': '{"a":'.repeat(20_000),
    'a query as deep as it fits': JSON.stringify({ query: '{a'.repeat(4_000) }),
    'lists in a query as deep as they fit': JSON.stringify({ query: `{ a(b: ${'['.repeat(900)}` }),
  }

  it.each(Object.entries(wrong))('%s is a 4xx with a reason', async (_, body) => {
    const reply = await post(body, { ...json, accept: newer })
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(reply.status).toBeLessThan(500)
    expect(codesOf(reply)[0]).toMatch(/^(BAD_REQUEST|GRAPHQL_PARSE_FAILED|OPERATION_TOO_COMPLEX)$/)
    expect(reply.data).toBeUndefined()
    expect(reply.text.length).toBeLessThan(1_000)
  })

  it.each([
    ['variables', '{"query":"{__typename}","variables":{"a":DEEP}}'],
    ['extensions', '{"query":"{__typename}","extensions":{"a":DEEP}}'],
    ['a member nobody knows', '{"query":"{__typename}","more":DEEP}'],
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
  ])('lists as deep as they fit in %s do no harm', async (_, body) => {
    const reply = await post(body.replace('DEEP', '['.repeat(50_000) + ']'.repeat(50_000)))
    expect(reply.status).toBeLessThan(500)
    expect(codesOf(reply)).not.toContain('INTERNAL_SERVER_ERROR')
  })

  it('numbers as keys by the thousand do no harm', async () => {
    const keys = Array.from({ length: 7_000 }, (_, n) => `"${n}":${n}`).join()
    expect(await post(`{"query":"{__typename}","variables":{${keys}}}`)).toMatchObject({ status: 200, data: answer })
  })

  it('prototypes are not polluted', async () => {
    const reply = await post(
      '{"query":"{__typename}","variables":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
    )
    expect(reply).toMatchObject({ status: 200, data: answer })
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
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
  ])('a query string of %j is a 400', async (search) => {
    const reply = await gateway.send(`/graphql?${search}`, { headers: { accept: newer } })
    expect(reply).toMatchObject({ status: 400 })
    expect(reply.errors).toHaveLength(1)
  })
})

describe('a page of a stranger in a browser', () => {
  const mutation = 'mutation { logout { revoked } }'
  const body = JSON.stringify({ query: mutation })
  const form = new URLSearchParams({ query: mutation }).toString()
  const part = (name: string, content: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`
  const post = (type: string | undefined, body: string, path = '/graphql') =>
    gateway.send(path, { method: 'POST', headers: type === undefined ? {} : { 'content-type': type }, body })

  const vectors: Record<string, () => Promise<{ status: number; data: unknown }>> = {
    'a form': () => post('application/x-www-form-urlencoded', form),
    'a form with JSON for a name': () => post('application/x-www-form-urlencoded', body),
    'a multipart form': () => post('multipart/form-data; boundary=x', `${part('query', mutation)}--x--\r\n`),
    'a multipart upload': () =>
      post('multipart/form-data; boundary=x', `${part('operations', body)}${part('map', '{}')}--x--\r\n`),
    'a text form': () => post('text/plain', body),
    'a text form that names JSON': () => post('text/plain; charset=application/json', body),
    'a beacon without a type': () => post(undefined, body),
    'a raw document': () => post('application/graphql', mutation),
    'a form with the query in its address': () => post('application/x-www-form-urlencoded', '', `/graphql?${form}`),
    'a link': () => gateway.send(`/graphql?${form}`),
    'a link with an odd type': () =>
      gateway.send(`/graphql?${form}`, { headers: { 'content-type': 'application/json' } }),
    'a link that wants to be a POST': () =>
      gateway.send(`/graphql?${form}`, { headers: { 'x-http-method-override': 'POST', 'x-method-override': 'POST' } }),
    'an image': () => gateway.send(`/graphql?${form}`, { headers: { accept: 'image/*' } }),
    'a HEAD': () => gateway.send(`/graphql?${form}`, { method: 'HEAD' }),
    'a link to one of two operations': () =>
      gateway.send(
        `/graphql?${new URLSearchParams({ query: `query A { __typename } ${mutation.replace(' ', ' B ')}`, operationName: 'B' })}`,
      ),
  }

  it.each(Object.entries(vectors))('gets nothing done by %s', async (_, attack) => {
    const mutations = () => gateway.log().split('"kind":"mutation"').length
    const before = mutations()
    const reply = await attack()
    expect([400, 405, 406, 415]).toContain(reply.status)
    expect(reply.data).toBeUndefined()
    expect(mutations()).toBe(before)
  })
})

describe('an Authorization header that is none of ours', () => {
  const naughty = [
    'Bearer',
    'bearer ',
    'Basic YTpi',
    'Digest username="a"',
    'Bearer a b',
    'Bearer a,b',
    'Bearer "a"',
    "Bearer '",
    'Bearer a;b',
    'Bearer <script>alert(1)</script>',
    'Bearer %00',
    'Bearer %0d%0aX: y',
    'Bearer {{7*7}}',
    'Bearer null\xa0',
    'Bearer \xff\xfe',
    'Bearer a\tb',
    'Bearer ?a=b',
    'Bearer a&client_id=1',
    'Bearer #',
    'Bearer *',
    'Bearer :',
    'Bearer @',
    'Bearer [object Object]',
    'Bearer =',
    'Bearer a=b',
    `Bearer ${'a'.repeat(5_000)}`,
    'null',
    'undefined',
    '0',
    '\xe3\x83\x88',
  ]

  it.each(naughty)('%j is malformed, and LINE is not asked', async (authorization) => {
    expect(await bearing(authorization)).toMatchObject({
      status: 200,
      errors: [{ extensions: { code: 'UNAUTHENTICATED', reason: 'MALFORMED' } }],
      data: { viewer: null },
    })
  })

  it('nothing of the kind gets past', async () => {
    const character = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f)
    const header = fc.array(character, { maxLength: 60 }).map((codes) => String.fromCharCode(...codes))
    const notAToken = header.filter((value) => !/^bearer +[\w\-.~+/]+=* *$/i.test(value.trim()) && value.trim() !== '')
    await fc.assert(
      fc.asyncProperty(notAToken, fc.boolean(), async (value, prefixed) => {
        const given = prefixed ? `Bearer ${value.trim()} !` : value
        expect((await bearing(given)).errors).toMatchObject([{ extensions: { reason: 'MALFORMED' } }])
      }),
      { numRuns: 300 },
    )
  })

  /** Node's own client sends every byte a header may hold. */
  function bearing(authorization: string): Promise<{ status: number | undefined; data: unknown; errors: unknown }> {
    return new Promise((resolve, reject) => {
      const sent = nodeRequest(
        `${gateway.url}/graphql`,
        { method: 'POST', headers: { ...json, authorization } },
        async (response) => {
          const body = JSON.parse((await response.toArray()).join(''))
          resolve({ status: response.statusCode, data: body.data, errors: body.errors })
        },
      )
      sent.on('error', reject)
      sent.end(JSON.stringify({ query: '{ viewer { id } }' }))
    })
  }
})

it('answers whatever comes, and never with a 500', async () => {
  const seeds = [
    question,
    JSON.stringify({
      query: 'query A($s: PictureSize = LARGE) { viewer { ...F } } fragment F on Viewer { pictureUrl(size: $s) }',
      operationName: 'A',
      variables: { s: 'SMALL' },
    }),
    JSON.stringify({
      query: 'mutation ($i: StartLoginInput!) { startLogin(input: $i) { state } }',
      variables: { i: { redirectUri: 'x', maxAge: 1.5 } },
    }),
    JSON.stringify({
      query:
        '{ a: verifyIdToken(input: { idToken: "a.b.c", nonce: """n""" }) { sub amr @skip(if: true) } __schema { types { name } } }',
      extensions: { a: [null] },
    }),
  ]
  const naughty = fc.constantFrom(
    '\0',
    '\uFEFF',
    '\uD800',
    '\u202E',
    '🦊',
    '"',
    '\\',
    '\\u',
    '{',
    '}',
    '[',
    '"""',
    '#',
    '$',
    '@',
    '...',
    '&',
    '__proto__',
    '1e999',
    'null',
    '\r\n',
  )
  const edit = fc.record({
    at: fc.nat(),
    length: fc.integer({ min: 0, max: 12 }),
    text: fc.oneof(naughty, fc.string({ maxLength: 8, unit: 'binary' })),
  })
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([seed, edits]) => edits.reduce(applied, seed))
  const document = fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([seed, edits]) => {
      const { query, ...rest } = JSON.parse(seed)
      return JSON.stringify({ ...rest, query: edits.reduce(applied, query) })
    })
  const member = fc.oneof(fc.jsonValue(), fc.constantFrom('{ __typename }', ...seeds))
  const shaped = fc
    .record(
      { query: member, variables: member, operationName: member, extensions: member, __proto__: member },
      { requiredKeys: [] },
    )
    .map((body) => JSON.stringify(body))
  const bytes = fc.uint8Array({ maxLength: 200 }).map((given) => Buffer.from(given))
  const body = fc.oneof(mutated, document, shaped, bytes, fc.string({ unit: 'binary', maxLength: 200 }))

  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 20, maxLength: 20 }), async (bodies) => {
      const replies = await Promise.all(bodies.map((one) => post(one)))
      for (const { status, data, errors } of replies) {
        expect(status).toBeLessThan(500)
        expect(data !== undefined || errors.length > 0).toBe(true)
        expect(errors.length).toBeLessThanOrEqual(15)
      }
    }),
    { numRuns: 150 },
  )
  expect(await post(question)).toMatchObject({ status: 200, data: answer })
}, 60_000)

function applied(text: string, { at, length, text: inserted }: { at: number; length: number; text: string }): string {
  const from = at % (text.length + 1)
  return text.slice(0, from) + inserted + text.slice(from + length)
}

describe('a body', () => {
  const broken = new Error('gone')
  const steps = { data: (text: string) => ['data', Buffer.from(text)], end: ['end'], error: ['error', broken] } as const

  it.each([
    ['its end, though the connection breaks after it', [steps.data('{}'), steps.end, steps.error], [undefined, '{}']],
    ['its breaking off, though an end is said after it', [steps.data('{'), steps.error, steps.end], [broken, '']],
    ['nothing in it', [steps.end], [undefined, '']],
  ])('is taken once: %s', (_, events, expected) => {
    const request = incoming({})
    const taken: unknown[][] = []
    readBody(request, (...all) => taken.push(all))
    for (const [name, value] of events) request.emit(name as string, value)
    expect(taken).toEqual([expected])
  })
})
