import { describe, expect, it } from 'vitest'
import { codesOf, noSourceLimit, useRunningGateway } from '../harness/running-gateway.ts'

const gateway = useRunningGateway({ LOG_LEVEL: 'debug', ...noSourceLimit })

const [older, newer] = ['application/json', 'application/graphql-response+json']
const get = (query: string, accept: string) =>
  gateway().send(`/graphql?${new URLSearchParams({ query })}`, { headers: { accept } })
const withVariables = {
  query: 'query ($t: String!) { verifyAccessToken(accessToken: $t) { active } }',
  variables: { t: 7 },
}

describe('the HTTP status', () => {
  it.each([
    ['data', { query: '{ __typename }' }, 200, 200],
    ['data with an error in a field', { query: '{ viewer { id } __typename }' }, 200, 200],
    ['null with an error', { query: 'mutation { logout { revoked } }' }, 200, 200],
    ['a syntax error', { query: '{' }, 200, 400],
    ['a validation error', { query: '{ unknown }' }, 200, 400],
    ['a variable of the wrong type', withVariables, 200, 400],
    ['an operation over a limit', { query: `{ ${'viewer { id } '.repeat(20)} }` }, 400, 400],
    ['an unknown operation name', { query: '{ __typename }', operationName: 'A' }, 400, 400],
    ['no query', {}, 400, 400],
  ])(
    '%s',
    async (_, {
      variables,
      ...params
    }: { query?: string; operationName?: string; variables?: object }, before, now) => {
      const body = JSON.stringify({ ...params, variables })
      for (const [accept, status] of [
        [older, before],
        [newer, now],
        ['*/*', before],
      ] as const) {
        const reply = await gateway().send('/graphql', {
          method: 'POST',
          headers: { 'content-type': older, accept },
          body,
        })
        expect(reply.status).toBe(status)
        expect(reply.headers['content-type']).toBe(`${accept === newer ? newer : older}; charset=utf-8`)
        expect(Number(reply.headers['content-length'])).toBe(Buffer.byteLength(reply.text))
        expect(reply.text).not.toContain('"http"')
      }
    },
  )

  it.each([older, newer])('GET in %s: the same as POST', async (accept) => {
    expect((await get('{ __typename }', accept)).status).toBe(200)
    expect((await get('{', accept)).status).toBe(accept === newer ? 400 : 200)
    expect((await get('{ viewer { id } }', accept)).status).toBe(200)
  })

  it.each(['mutation { logout { revoked } }', '{ verifyAccessToken(accessToken: "a.b.c") { active } }'])(
    'GET of %s: 405, without a call to LINE',
    async (query) => {
      for (const accept of [older, newer]) {
        const reply = await get(query, accept)
        expect(reply).toMatchObject({
          status: 405,
          headers: { allow: 'POST' },
          errors: [{ extensions: { code: 'BAD_REQUEST' } }],
        })
        expect(reply.data).toBeUndefined()
      }
      expect(gateway().emulator.calls.total()).toBe(0)
    },
  )
})

describe('an error', () => {
  it('has the path and the location of its field', async () => {
    const { errors } = await gateway().ask('{\n  me: viewer { id }\n}')
    expect(errors).toEqual([
      {
        message: 'A token is required: send it as "Authorization: Bearer …"',
        path: ['me'],
        locations: [{ line: 2, column: 3 }],
        extensions: { code: 'UNAUTHENTICATED', reason: 'MISSING' },
      },
    ])
  })

  it('six requests on one connection: each has its own errors', async () => {
    const token = gateway().issue().accessToken
    const replies = []
    for (let n = 0; n < 6; n++)
      replies.push(await gateway().ask('{ viewer { id } }', { token: n % 2 === 0 ? token : undefined }))
    expect(replies.map((reply) => codesOf(reply).join())).toEqual([
      '',
      'UNAUTHENTICATED',
      '',
      'UNAUTHENTICATED',
      '',
      'UNAUTHENTICATED',
    ])
  })
})

describe('the Retry-After header', () => {
  const byPost = (query: string, token: string) => gateway().ask(query, { token })
  const byGet = (query: string, token: string) =>
    gateway().send(`/graphql?${new URLSearchParams({ query })}`, { headers: { authorization: `Bearer ${token}` } })

  it.each([
    ['LINE_RATE_LIMITED', { status: 429, headers: { 'retry-after': '7' } }],
    ['LINE_UNAVAILABLE', { status: 500 }],
    ['LINE_UNAVAILABLE', { reset: true }],
  ] as const)('%s after %j: the wait of the error, by POST and by GET', async (code, fault) => {
    for (const ask of [byPost, byGet]) {
      gateway().emulator.faults.set('*', fault)
      const reply = await ask('{ viewer { id } }', gateway().issue().accessToken)
      expect(codesOf(reply)).toEqual([code])
      expect(reply.errors[0]?.extensions.retryAfter).toBeGreaterThan(0)
      expect(reply.headers['retry-after']).toBe(String(reply.errors[0]?.extensions.retryAfter))
    }
  })

  it('an answer without a wait: no header', async () => {
    for (const ask of [byPost, byGet]) {
      expect((await ask('{ viewer { id } }', 'a b')).headers).not.toHaveProperty('retry-after')
      expect((await ask('{ __typename }', 'a')).headers).not.toHaveProperty('retry-after')
    }
  })
})

describe('the log line of an operation', () => {
  const lines = () =>
    gateway()
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg.startsWith('operation'))

  it('kind, root fields, code, status and ms; no alias and no operation name', async () => {
    const { accessToken } = gateway().issue()
    await gateway().ask('query SecretName { x: viewer { id } __typename }', { token: accessToken })
    await gateway().ask('mutation { out: logout { revoked } }')
    await get('{ viewer { id } }', older)
    await gateway().ask('{ unknown }')
    await gateway().send('/graphql', { method: 'POST', body: '{' })
    expect(lines()).toMatchObject([
      { kind: 'query', fields: '__typename viewer', code: 'OK', status: 200, msg: 'operation' },
      { kind: 'mutation', fields: 'logout', code: 'UNAUTHENTICATED', status: 200, msg: 'operation failed' },
      { kind: 'query', fields: 'viewer', code: 'UNAUTHENTICATED', status: 200, msg: 'operation failed' },
      { kind: 'none', fields: '', code: 'GRAPHQL_VALIDATION_FAILED', status: 200, msg: 'operation failed' },
      { kind: 'none', fields: '', code: 'BAD_REQUEST', status: 415, msg: 'operation failed' },
    ])
    for (const line of lines()) {
      expect(Object.keys(line).sort()).toEqual([
        'code',
        'fields',
        'kind',
        'level',
        'ms',
        'msg',
        ...(line.code === 'OK' ? [] : ['network']),
        'requestId',
        'status',
        'time',
      ])
    }
  })
})
