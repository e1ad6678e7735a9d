import { describe, expect, it } from 'vitest'
import { logIn, redirectUri } from '../harness/log-in.ts'
import { callsTo, codesOf, noSourceLimit, type RunningGateway, useRunningGateway } from '../harness/running-gateway.ts'

const fifteen = Array.from({ length: 15 }, (_, n) => n)

/** An operation with fifteen mutation fields, as many as one may have. */
function mutationOf(fieldFor: (n: number) => string): string {
  return `mutation { ${fifteen.map((n) => `f${n}: ${fieldFor(n)}`).join(' ')} }`
}

describe('several mutations in one request', () => {
  const gateway = useRunningGateway(noSourceLimit)

  it('a login beside failing fields: its tokens are returned (D11)', async () => {
    const { input } = await logIn(gateway())
    const query = `mutation ($input: ExchangeLoginInput!) {
      before: refreshToken(input: { refreshToken: "junk" }) { accessToken }
      exchangeLogin(input: $input) { tokens { accessToken } }
      deauthorize { deauthorized }
      startLogin(input: { redirectUri: "nowhere" }) { state }
    }`
    const { status, data, errors } = await gateway().ask(query, { variables: { input } })
    expect(status).toBe(200)
    expect(data).toEqual({
      before: null,
      exchangeLogin: { tokens: { accessToken: expect.any(String) } },
      deauthorize: null,
      startLogin: null,
    })
    expect(errors.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual([
      ['before', 'INVALID_GRANT'],
      ['deauthorize', 'UNAUTHENTICATED'],
      ['startLogin', 'BAD_USER_INPUT'],
    ])
  })

  it('each field has its own result: one that LINE refuses, one that is wrong, one that succeeds (D11)', async () => {
    const [first, second] = [gateway().issue(), gateway().issue()]
    const query = `mutation ($good: String!, $other: String!) {
      refused: refreshToken(input: { refreshToken: "junk" }) { accessToken }
      good: refreshToken(input: { refreshToken: $good }) { tokenType }
      wrong: revokeToken(input: {}) { revoked }
      revoked: revokeToken(input: { refreshToken: $good }) { revoked }
      late: refreshToken(input: { refreshToken: $good }) { tokenType }
      other: refreshToken(input: { refreshToken: $other }) { tokenType }
      __typename
    }`
    const reply = await gateway().ask(query, { variables: { good: first.refreshToken, other: second.refreshToken } })
    expect(reply.data).toEqual({
      refused: null,
      good: { tokenType: 'Bearer' },
      wrong: null,
      revoked: { revoked: true },
      late: null,
      other: { tokenType: 'Bearer' },
      __typename: 'Mutation',
    })
    expect(codesOf(reply)).toEqual(['INVALID_GRANT', 'BAD_USER_INPUT', 'INVALID_GRANT'])
  })

  it('an unreadable answer of LINE to one field: the others have their results (D11)', async () => {
    const { accessToken, refreshToken = '' } = gateway().issue()
    gateway().emulator.faults.set('token', { status: 200, body: [] })
    const query = `mutation ($token: String!, $access: String!) {
      a: refreshToken(input: { refreshToken: $token }) { accessToken }
      b: revokeToken(input: { accessToken: $access }) { revoked }
    }`
    const reply = await gateway().ask(query, { variables: { token: refreshToken, access: accessToken } })
    expect(reply).toMatchObject({ status: 200, data: { a: null, b: { revoked: true } } })
    expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
  })

  it('the same code fifteen times: one login, fourteen INVALID_GRANT, one call (D11)', async () => {
    const { input } = await logIn(gateway())
    const fields = fifteen.map((n) => `f${n}: exchangeLogin(input: $input) { tokens { tokenType } }`).join(' ')
    const reply = await gateway().ask(`mutation ($input: ExchangeLoginInput!) { ${fields} }`, { variables: { input } })
    expect(Object.values(reply.data ?? {})).toEqual([{ tokens: { tokenType: 'Bearer' } }, ...Array(14).fill(null)])
    expect(codesOf(reply)).toEqual(Array(14).fill('INVALID_GRANT'))
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })
})

describe('fifteen junk mutations in one request', () => {
  const gateway = useRunningGateway({ FAILED_TOKENS_BURST: '5', FAILED_TOKENS_PER_SECOND: '0.001' })

  it.each<[string, string, (n: number) => string]>([
    ['codes', 'token', (n) => `exchangeLogin(input: { code: "junk-${n}", redirectUri: "${redirectUri}" }) { idToken }`],
    ['refresh tokens', 'token', (n) => `refreshToken(input: { refreshToken: "junk-${n}" }) { accessToken }`],
    ['refresh tokens to revoke', 'revoke', (n) => `revokeToken(input: { refreshToken: "junk-${n}" }) { revoked }`],
    [
      'access tokens to revoke',
      'verifyAccessToken',
      (n) => `revokeToken(input: { accessToken: "junk.${n}.x" }) { revoked }`,
    ],
  ])('%s: each passes the gate, so LINE gets no more than the burst (D11)', async (_, endpoint, fieldFor) => {
    const reply = await gateway().ask(mutationOf(fieldFor))
    expect(callsTo(gateway().emulator)).toEqual({ [endpoint]: 5 })
    expect(codesOf(reply).filter((code) => code === 'RATE_LIMITED')).toHaveLength(10)
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
    await again(gateway(), fieldFor)
    expect(callsTo(gateway().emulator)).toEqual({ [endpoint]: 5 })
  })

  async function again(running: RunningGateway, fieldFor: (n: number) => string): Promise<void> {
    expect(codesOf(await running.ask(mutationOf((n) => fieldFor(n + 15))))).toEqual(Array(15).fill('RATE_LIMITED'))
  }
})

describe('fifteen mutations while LINE does not answer', () => {
  const gateway = useRunningGateway({ LINE_TIMEOUT_MS: '1000', ...noSourceLimit })

  it('share one deadline: after it, the rest are not sent (D11)', async () => {
    gateway().emulator.faults.set('token', { hang: true })
    const reply = await gateway().ask(mutationOf((n) => `refreshToken(input: { refreshToken: "t${n}" }) { scopes }`))
    expect(codesOf(reply)).toEqual(Array(15).fill('LINE_UNAVAILABLE'))
    // Each call has a second, and the operation has two: a third call at most, in the last millisecond.
    expect(gateway().emulator.calls.of('token')).toBeLessThanOrEqual(3)
  })
})
