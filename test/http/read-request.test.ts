import { request as nodeRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertHead, readBody } from '../../src/http/read-request.ts'
import { bytesInUse } from '../harness/collect-garbage.ts'
import { fastestMs } from '../harness/fastest.ts'
import { runsOf } from '../harness/in-full.ts'
import { incoming } from '../harness/incoming.ts'
import { sendRaw, statusesIn } from '../harness/raw-http.ts'
import { expectNoCallsAfterEach, useSharedGateway } from '../harness/running-gateway.ts'

const gateway = useSharedGateway()
expectNoCallsAfterEach(gateway)

const json = { 'content-type': 'application/json' }
const question = JSON.stringify({ query: '{ __typename }' })
const answer = { __typename: 'Query' }

const post = (body: string | Buffer, headers: Record<string, string> = json) =>
  gateway().send('/graphql', { method: 'POST', headers, body })
const get = (search: string, headers: Record<string, string> = {}) =>
  gateway().send(`/graphql?${new URLSearchParams(search)}`, { headers })

describe('an accepted request', () => {
  it.each([
    'application/json',
    'application/json;charset=utf-8',
    'Application/JSON; Charset="UTF-8"',
    'application/json ; charset=utf8',
    'application/json;',
    'application/json;charset=utf-8;',
    'application/json;\tcharset\t=\t"utf8" ; ',
  ])('POST of %j', async (type) => {
    expect(await post(question, { 'content-type': type })).toMatchObject({ status: 200, data: answer })
  })

  it('a body of 100 KB: an answer; one byte more: 413', async () => {
    const padded = (bytes: number) => `${question}${' '.repeat(bytes - question.length)}`
    expect(await post(padded(102_400))).toMatchObject({ status: 200, data: answer })
    expect(await post(padded(102_401))).toMatchObject({
      status: 413,
      errors: [{ extensions: { code: 'BAD_REQUEST' } }],
    })
  })

  it('a body in pieces of one byte, also inside a character: an answer', async () => {
    const body = Buffer.from(
      JSON.stringify({ query: '{ __typename }', operationName: null, extensions: { a: '漢字🦊' } }),
    )
    const chunks = [...body].map((byte) => Buffer.of(byte))
    const reply = await gateway().send('/graphql', {
      method: 'POST',
      headers: json,
      body: (async function* () {
        yield* chunks
      })() as never,
    })
    expect(reply).toMatchObject({ status: 200, data: answer })
  })
})

describe('a request that is refused because of its head', () => {
  it.each(['PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'] as const)('%s', async (method) => {
    const reply = await sendRaw(
      gateway().url,
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
    'application/json; charset=utf-8; charset=utf-8',
    'application/json; charset=utf-8=',
    'application/json; charset',
    'application/json; x=utf-8',
    'application/json; "utf-8"',
    'application/json;;',
    'application/json;charset=utf-8;;',
    'application /json',
    'nonsense',
  ])('POST of %s', async (type) => {
    const reply = await post(question, type === undefined ? {} : { 'content-type': type })
    expect(reply).toMatchObject({ status: 415, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
  })

  it('GET with another content type', async () => {
    for (const type of ['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded']) {
      expect(await get('query={__typename}', { 'content-type': type })).toMatchObject({ status: 415 })
    }
  })

  it.each(['gzip', 'br', 'deflate', 'identity', 'x'])('a body encoded as %s', async (encoding) => {
    expect(await post(gzipSync(question), { ...json, 'content-encoding': encoding })).toMatchObject({ status: 415 })
  })

  it('two Authorization headers, in lower and upper case', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n'
    const twice = `authorization: Bearer a\r\nAUTHORIZATION: Bearer b\r\ncontent-length: ${question.length}\r\n\r\n${question}`
    expect(statusesIn(await sendRaw(gateway().url, head + twice))).toEqual([400])
  })

  it('an Accept header without a type that we have', async () => {
    expect(await post(question, { ...json, accept: 'text/html' })).toMatchObject({ status: 406 })
  })

  it('a content length that is too large: 413 before the body is sent', async () => {
    const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{`
    const received = await sendRaw(gateway().url, head)
    expect(statusesIn(received)).toEqual([413])
    expect(received.closed).toBe(true)
  })

  it('a chunked body that becomes too large: 413 before its end', async () => {
    const head =
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
    const received = await sendRaw(gateway().url, head + chunk.repeat(8))
    expect(statusesIn(received)).toEqual([413])
    expect(received.closed).toBe(true)
  })

  it('a header or a URL of more than 16 KB', async () => {
    const long = 'x'.repeat(17_000)
    expect(
      statusesIn(await sendRaw(gateway().url, `GET /graphql HTTP/1.1\r\nhost: x\r\nx-long: ${long}\r\n\r\n`)),
    ).toEqual([431])
    expect(statusesIn(await sendRaw(gateway().url, `GET /graphql?query=${long} HTTP/1.1\r\nhost: x\r\n\r\n`))).toEqual([
      431,
    ])
  })
})

describe('a mutation from a foreign web page', () => {
  const mutation = 'mutation { logout { revoked } }'
  const body = JSON.stringify({ query: mutation })
  const form = new URLSearchParams({ query: mutation }).toString()
  const part = (name: string, content: string) =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`
  const post = (type: string | undefined, body: string, path = '/graphql') =>
    gateway().send(path, { method: 'POST', headers: type === undefined ? {} : { 'content-type': type }, body })

  const vectors: Record<string, () => Promise<{ status: number; data: unknown }>> = {
    'a form': () => post('application/x-www-form-urlencoded', form),
    'a form with JSON as a field name': () => post('application/x-www-form-urlencoded', body),
    'a multipart form': () => post('multipart/form-data; boundary=x', `${part('query', mutation)}--x--\r\n`),
    'a multipart upload': () =>
      post('multipart/form-data; boundary=x', `${part('operations', body)}${part('map', '{}')}--x--\r\n`),
    'a text form': () => post('text/plain', body),
    'a text form with JSON in its content type': () => post('text/plain; charset=application/json', body),
    'a beacon without a content type': () => post(undefined, body),
    'a GraphQL document': () => post('application/graphql', mutation),
    'a form with the query in its URL': () => post('application/x-www-form-urlencoded', '', `/graphql?${form}`),
    'a link': () => gateway().send(`/graphql?${form}`),
    'a link with a content type': () =>
      gateway().send(`/graphql?${form}`, { headers: { 'content-type': 'application/json' } }),
    'a link with a method override': () =>
      gateway().send(`/graphql?${form}`, {
        headers: { 'x-http-method-override': 'POST', 'x-method-override': 'POST' },
      }),
    'an image': () => gateway().send(`/graphql?${form}`, { headers: { accept: 'image/*' } }),
    'a HEAD': () => gateway().send(`/graphql?${form}`, { method: 'HEAD' }),
    'a link to one of two operations': () =>
      gateway().send(
        `/graphql?${new URLSearchParams({ query: `query A { __typename } ${mutation.replace(' ', ' B ')}`, operationName: 'B' })}`,
      ),
  }

  it.each(Object.entries(vectors))('%s: refused and not executed', async (_, attack) => {
    const mutations = () => gateway().log().split('"kind":"mutation"').length
    const before = mutations()
    const reply = await attack()
    expect([400, 405, 406, 415]).toContain(reply.status)
    expect(reply.data).toBeUndefined()
    expect(mutations()).toBe(before)
  })
})

describe('an Authorization header without a token', () => {
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

  it.each(naughty)('%j: MALFORMED, without a call to LINE', async (authorization) => {
    expect(await bearing(authorization)).toMatchObject({
      status: 200,
      errors: [{ extensions: { code: 'UNAUTHENTICATED', reason: 'MALFORMED' } }],
      data: { viewer: null },
    })
  })

  it('300 random headers: MALFORMED', async () => {
    const character = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f)
    const header = fc.array(character, { maxLength: 60 }).map((codes) => String.fromCharCode(...codes))
    const notAToken = header.filter((value) => !/^bearer +[\w\-.~+/]+=* *$/i.test(value.trim()) && value.trim() !== '')
    await fc.assert(
      fc.asyncProperty(notAToken, fc.boolean(), async (value, prefixed) => {
        const given = prefixed ? `Bearer ${value.trim()} !` : value
        expect((await bearing(given)).errors).toMatchObject([{ extensions: { reason: 'MALFORMED' } }])
      }),
      { numRuns: 150 },
    )
  })

  /** Node's own client sends every byte that is allowed in a header. */
  function bearing(authorization: string): Promise<{ status: number | undefined; data: unknown; errors: unknown }> {
    return new Promise((resolve, reject) => {
      const sent = nodeRequest(
        `${gateway().url}/graphql`,
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

it('random bodies: an answer, never 5xx', async () => {
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
    // Of 20 bodies each.
    { numRuns: runsOf({ part: 30, full: 150 }) },
  )
  expect(await post(question)).toMatchObject({ status: 200, data: answer })
}, 300_000)

function applied(text: string, { at, length, text: inserted }: { at: number; length: number; text: string }): string {
  const from = at % (text.length + 1)
  return text.slice(0, from) + inserted + text.slice(from + length)
}

describe('readBody', () => {
  const broken = new Error('gone')
  const steps = { data: (text: string) => ['data', Buffer.from(text)], end: ['end'], error: ['error', broken] } as const

  it.each([
    ['the end, then an error', [steps.data('{}'), steps.end, steps.error], [undefined, '{}']],
    ['an error, then the end', [steps.data('{'), steps.error, steps.end], [broken, '']],
    ['the end only', [steps.end], [undefined, '']],
  ])('%s: `done` is called once', (_, events, expected) => {
    const request = incoming({})
    const calls: unknown[][] = []
    readBody(request, (error, body) => calls.push([error, error === undefined ? body.takeText() : '']))
    for (const [name, value] of events) request.emit(name as string, value)
    expect(calls).toEqual([expected])
  })
})

describe('a sender that lengthens a request by pieces', () => {
  it('100 bodies in 10,000 pieces of one byte each: 1 MB in use, not 100 MB (A1)', () => {
    const requests = Array.from({ length: 100 }, () => incoming({}))
    for (const request of requests) readBody(request, () => {})
    const before = bytesInUse()
    for (const request of requests) {
      for (let sent = 0; sent < 10_000; sent += 1) request.emit('data', Buffer.of(97))
    }
    expect(bytesInUse() - before).toBeLessThan(8 * 1024 * 1024)
  })

  it.each([
    ['white space', `application/json${' '.repeat(16_000)}x`],
    ['white space behind the semicolon', `application/json;${' '.repeat(16_000)}x`],
    ['white space around a charset', `application/json;${' '.repeat(8_000)}charset=utf-8${' '.repeat(8_000)}x`],
    ['tabs around =', `application/json;charset${'\t'.repeat(8_000)}=${'\t'.repeat(8_000)}utf-8;;`],
    ['semicolons', `application/json${';'.repeat(16_000)}`],
    ['parameters', `application/json${';charset=utf-8'.repeat(1_100)}`],
    ['equals signs', `application/json;charset${'='.repeat(16_000)}`],
    ['quotes', `application/json;charset=${'"'.repeat(16_000)}`],
  ])('a 16 KB Content-Type of %s: refused within 2 ms (A2)', (_, type) => {
    const request = Object.assign(incoming({ 'content-type': type }), { method: 'POST' })
    expect(fastestMs(() => expect(() => assertHead(request)).toThrow('application/json'))).toBeLessThan(2)
  })
})
