import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Judgement } from '../../src/line/call-reports.ts'
import { InvalidGrant, isAnsweredByLine, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import {
  assertDeauthorized,
  assertRevoked,
  judgeFriendship,
  judgeProfile,
  judgeUserinfo,
  judgeVerification,
  longestLifeMs,
  parseChannelToken,
  parseKeySet,
  parseLifetime,
  parseScopes,
  parseTokenResponse,
  type Verdict,
} from '../../src/line/responses.ts'
import type { LineAnswer } from '../../src/line/transport.ts'

const ours = '2000000001'
const isOurs = (channelId: string) => channelId === ours
const lineRequestId = '8d48c8577e739b9c'

const missing = Symbol('missing')
type Body = Record<string, unknown>

const answer = (status: number, body?: unknown): LineAnswer => ({ status, body, lineRequestId })
const answered = (body: unknown) => answer(200, body)
const withMember = (body: Body, name: string, value: unknown) =>
  value === missing
    ? Object.fromEntries(Object.entries(body).filter(([key]) => key !== name))
    : { ...body, [name]: value }

/** Values that are neither a string nor a number. */
const neither: readonly unknown[] = [
  missing,
  null,
  true,
  false,
  [],
  ['2000000001'],
  [3600],
  {},
  { toString: '2000000001' },
]
const notStrings = [...neither, 0, 7, 2_000_000_001, Number.NaN]
const notNumbers = [
  ...neither,
  '',
  '0',
  '-1',
  '3600',
  '1e3',
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]
/** Bodies that are neither empty nor an object that LINE could add. */
const notEmpty = [null, '', 'text', 0, true, [], [{}], { error: 'access_denied' }]
const otherBodies = [undefined, null, '', 'text', 0, true, [], [{}], {}, { error: null }, { message: 7 }]
const unknownStatuses = [201, 202, 204, 206, 301, 302, 307, 402, 403, 404, 405, 408, 409, 410, 413, 418, 451]

const unknown = { verdict: 'unknown', outage: expect.any(LineUnavailable) }
const invalid = (reason: string, lineError?: string) => ({ verdict: 'invalid', reason, lineRequestId, lineError })

describe('verification', () => {
  const good = { scope: 'profile openid', client_id: ours, expires_in: 3600 }
  const judge = (given: LineAnswer) => judgeVerification(given, isOurs)

  it('is valid for a token of our channel', () => {
    expect(judge(answered(good))).toEqual({
      verdict: 'valid',
      facts: { channelId: ours, scopes: ['profile', 'openid'], expiresInMs: 3_600_000 },
    })
  })

  it('ignores unknown members and the order of the members', () => {
    const more = {
      expires_in: 3600,
      nested: { client_id: 'x' },
      error: 'invalid_request',
      client_id: ours,
      scope: 'profile',
    }
    expect(judge(answered(more))).toMatchObject({ verdict: 'valid' })
  })

  it.each(notStrings.map((value) => [value]))('client_id is %s: unknown', (value) => {
    expect(judge(answered(withMember(good, 'client_id', value)))).toEqual(unknown)
  })

  it.each([
    '',
    '2000000002',
    '200000000',
    '20000000011',
    ' 2000000001',
    '2000000001 ',
    '２０００００００01',
    'constructor',
  ])('client_id is %j, not one of ours: WRONG_CHANNEL', (value) => {
    expect(judge(answered(withMember(good, 'client_id', value)))).toEqual(invalid('WRONG_CHANNEL'))
  })

  it.each(notNumbers.map((value) => [value]))('expires_in is %s: unknown', (value) => {
    expect(judge(answered(withMember(good, 'expires_in', value)))).toEqual(unknown)
  })

  it.each([0, -0, -1, -0.5, -2_147_483_649, -1e308])('expires_in is %d: EXPIRED', (value) => {
    expect(judge(answered(withMember(good, 'expires_in', value)))).toEqual(invalid('EXPIRED'))
  })

  it.each(['1e400', '-1e400'])('expires_in is %s, which JSON.parse turns into an infinity: unknown', (text) => {
    const body: unknown = JSON.parse(`{"scope":"profile","client_id":"${ours}","expires_in":${text}}`)
    expect(judge(answered(body))).toEqual(unknown)
  })

  it.each(notStrings.map((value) => [value]))('scope is %s: unknown', (value) => {
    expect(judge(answered(withMember(good, 'scope', value)))).toEqual(unknown)
  })

  it('an empty scope is valid: no scopes', () => {
    expect(judge(answered(withMember(good, 'scope', '')))).toMatchObject({ facts: { scopes: [] } })
  })

  it('one sign of a refusal is enough, even if other members are missing', () => {
    expect(judge(answered({ client_id: '2000000002' }))).toEqual(invalid('WRONG_CHANNEL'))
    expect(judge(answered({ expires_in: 0 }))).toEqual(invalid('EXPIRED'))
  })

  it.each([
    ['The access token expired', 'EXPIRED'],
    ['access token expired', 'EXPIRED'],
    ['The access token revoked', 'REVOKED'],
    ['The access token not JWS', 'MALFORMED'],
    ['The access token malformed', 'MALFORMED'],
    ['some parameters in the wrong format', 'MALFORMED'],
    ['A text that LINE does not document', 'INVALID'],
    ['valid', 'INVALID'],
    ['', 'INVALID'],
    [missing, 'INVALID'],
    [null, 'INVALID'],
    [['expired'], 'INVALID'],
    [{ includes: 'expired' }, 'INVALID'],
  ])('the text of a 400 decides only the reason: %s', (text, reason) => {
    expect(judge(answer(400, withMember({ error: 'invalid_request' }, 'error_description', text)))).toEqual(
      invalid(reason, 'invalid_request'),
    )
  })

  it.each([
    ...otherBodies,
    { error: 'INVALID_REQUEST' },
    { error: 'invalid_client' },
    { error: ['invalid_request'] },
    { error_description: 'The access token expired' },
    { message: 'The access token expired' },
    [{ error: 'invalid_request' }],
    'invalid_request',
    '<html>invalid_request</html>',
    good,
  ])('any other 400: unknown: %j', (body) => {
    expect(judge(answer(400, body))).toEqual(unknown)
  })

  it.each([401, ...unknownStatuses])('status %i: unknown, with a good body and with a bad one', (status) => {
    expect(judge(answer(status, good))).toEqual(unknown)
    expect(judge(answer(status, { error: 'invalid_request' }))).toEqual(unknown)
    expect(judge(answer(status, { ...good, expires_in: 0 }))).toEqual(unknown)
  })

  it.each(otherBodies)('200 with %j: unknown', (body) => {
    expect(judge(answered(body))).toEqual(unknown)
  })

  it('members of a prototype are not read, from JSON and from objects', () => {
    const nested: unknown = JSON.parse(`{"__proto__":${JSON.stringify(good)}}`)
    expect(judge(answered(nested))).toEqual(unknown)
    expect(judge(answered(Object.create(good)))).toEqual(unknown)
    const own: unknown = JSON.parse(`{"__proto__":{"client_id":"x"},"constructor":1,${JSON.stringify(good).slice(1)}`)
    expect(judge(answered(own))).toMatchObject({ verdict: 'valid', facts: { channelId: ours } })
    expect(judge(answer(400, JSON.parse('{"__proto__":{"error":"invalid_request"}}')))).toEqual(unknown)
  })

  it('has the expected verdict for random JSON', () => {
    fc.assert(
      fc.property(fc.constantFrom(200, 400, 401, 403, 404, 204), bodyOf(good), (status, body) => {
        const verdict = judge(answer(status, body))
        expect(verdict.verdict).toBe(expectedVerdict(status, body))
        if (verdict.verdict !== 'valid') return
        expect(Number.isInteger(verdict.facts.expiresInMs)).toBe(true)
        expect(verdict.facts.expiresInMs).toBeGreaterThanOrEqual(0)
        expect(verdict.facts.expiresInMs).toBeLessThanOrEqual(longestLifeMs)
      }),
      { numRuns: 3_000 },
    )
  })

  /** The rules of `judgeVerification`, written a second time. */
  function expectedVerdict(
    status: number,
    { error, client_id, expires_in, scope }: Body,
  ): Verdict<never>['verdict'] | 'valid' {
    if (status === 400) return error === 'invalid_request' ? 'invalid' : 'unknown'
    if (status !== 200) return 'unknown'
    if (typeof client_id === 'string' && client_id !== ours) return 'invalid'
    if (typeof expires_in === 'number' && Number.isFinite(expires_in) && expires_in <= 0) return 'invalid'
    const complete = client_id === ours && typeof scope === 'string' && Number.isFinite(expires_in)
    return complete && Number(expires_in) <= Number.MAX_SAFE_INTEGER ? 'valid' : 'unknown'
  }
})

describe('a lifetime', () => {
  it.each([
    [1, 1_000],
    [2_592_000, longestLifeMs],
    [2_591_999, longestLifeMs - 1_000],
    [2_592_001, longestLifeMs],
    [2 ** 31, longestLifeMs],
    [2 ** 40, longestLifeMs],
    [Number.MAX_SAFE_INTEGER, longestLifeMs],
    [1.5, 1_500],
    [0.0015, 1],
  ])('of %d s is %d ms, and never more than 30 days', (seconds, ms) => {
    expect(parseLifetime(seconds)).toBe(ms)
  })

  it.each([...notNumbers, 0, -0, -1, -0.001, 1e308, Number.MAX_VALUE, 2 ** 53].map((value) => [value]))(
    'of %s is undefined',
    (value) => {
      expect(parseLifetime(value)).toBeUndefined()
    },
  )
})

describe('scopes', () => {
  it.each([
    ['', []],
    [' ', []],
    ['profile', ['profile']],
    ['openid  profile ', ['openid', 'profile']],
    ['profile%20openid', ['profile%20openid']],
    ['openchat.term.agreement.status real_name', ['openchat.term.agreement.status', 'real_name']],
  ])('%j', (text, scopes) => {
    expect(parseScopes(text)).toEqual(scopes)
  })
})

describe('profile', () => {
  const good = { userId: 'U1', displayName: '佐藤 健太', pictureUrl: 'https://x/p', statusMessage: 'Out' }

  it('has the members that LINE sent, and null for missing and empty ones', () => {
    expect(judgeProfile(answered({ ...good, more: 1 }))).toEqual({ verdict: 'valid', facts: good })
    const bare = { userId: 'U1', displayName: '', pictureUrl: null, statusMessage: null }
    expect(judgeProfile(answered({ userId: 'U1', displayName: '' }))).toEqual({ verdict: 'valid', facts: bare })
    expect(judgeProfile(answered({ ...bare, pictureUrl: '', statusMessage: '' }))).toEqual({
      verdict: 'valid',
      facts: bare,
    })
  })

  it.each(notStrings.map((value) => [value]))(
    '%s for a required member: unknown; for an optional member: null',
    (value) => {
      expect(judgeProfile(answered(withMember(good, 'userId', value)))).toEqual(unknown)
      expect(judgeProfile(answered(withMember(good, 'displayName', value)))).toEqual(unknown)
      expect(judgeProfile(answered(withMember(good, 'pictureUrl', value)))).toMatchObject({
        facts: { pictureUrl: null },
      })
      expect(judgeProfile(answered(withMember(good, 'statusMessage', value)))).toMatchObject({
        facts: { statusMessage: null },
      })
    },
  )

  it('an empty userId: unknown', () => {
    expect(judgeProfile(answered({ ...good, userId: '' }))).toEqual(unknown)
  })

  resourceVerdicts(judgeProfile, good)
})

describe('userinfo', () => {
  const good = { sub: 'U1', name: 'Tom' }

  it('has the user ID', () => {
    expect(judgeUserinfo(answered(good))).toEqual({ verdict: 'valid', facts: { userId: 'U1' } })
  })

  it.each([...notStrings, ''].map((value) => [value]))('sub is %s: unknown', (value) => {
    expect(judgeUserinfo(answered(withMember(good, 'sub', value)))).toEqual(unknown)
  })

  resourceVerdicts(judgeUserinfo, good)
})

describe('friendship', () => {
  const good = { friendFlag: true }

  it.each([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
  ])('friendFlag %j: isFriend %j', (friendFlag, isFriend) => {
    expect(judgeFriendship(answered({ friendFlag }))).toEqual({ verdict: 'valid', facts: { isFriend } })
  })

  it.each([missing, null, 0, 1, '', 'TRUE', 'yes', [], [true], {}, { valueOf: true }].map((value) => [value]))(
    'friendFlag is %s: unknown',
    (value) => {
      expect(judgeFriendship(answered(withMember(good, 'friendFlag', value)))).toEqual(unknown)
    },
  )

  it('no linked official account: null', () => {
    const unlinked = answer(400, { message: 'There is no login bot linked to this channel.' })
    expect(judgeFriendship(unlinked)).toEqual({ verdict: 'valid', facts: { isFriend: null } })
  })

  it.each([undefined, null, '', '<html>', {}, { message: '' }, { message: 7 }, { error: 'invalid_request' }, good])(
    'any other 400: unknown: %j',
    (body) => {
      expect(judgeFriendship(answer(400, body))).toEqual(unknown)
    },
  )

  resourceVerdicts(judgeFriendship, good, { without400: true })
})

describe('the token answer', () => {
  const good = {
    access_token: 'access',
    expires_in: 2_592_000,
    id_token: 'a.b.c',
    refresh_token: 'refresh',
    scope: 'profile openid',
    token_type: 'Bearer',
  }

  it('has everything that LINE sent', () => {
    expect(parseTokenResponse(answered({ ...good, more: {} }))).toEqual({
      accessToken: 'access',
      tokenType: 'Bearer',
      expiresInMs: longestLifeMs,
      refreshToken: 'refresh',
      scopes: ['profile', 'openid'],
      idToken: 'a.b.c',
    })
  })

  it.each([...notStrings, ''].map((value) => [value]))('access_token is %s: LINE_UNAVAILABLE', (value) => {
    expect(() => parseTokenResponse(answered(withMember(good, 'access_token', value)))).toThrow(LineUnavailable)
  })

  it.each([...notStrings, ''].map((value) => [value]))(
    'another member is %s: the access token is still returned',
    (value) => {
      const parsed = (name: string) => parseTokenResponse(answered(withMember(good, name, value)))
      expect(parsed('refresh_token')).toMatchObject({ accessToken: 'access', refreshToken: undefined })
      expect(parsed('id_token')).toMatchObject({ accessToken: 'access', idToken: undefined })
      expect(parsed('scope')).toMatchObject({ accessToken: 'access', scopes: undefined })
      expect(parsed('token_type')).toMatchObject({ accessToken: 'access', tokenType: 'Bearer' })
    },
  )

  it.each([...notNumbers, 0, -1, 1e308].map((value) => [value]))(
    'expires_in is %s: the lifetime is undefined',
    (value) => {
      const parsed = parseTokenResponse(answered(withMember(good, 'expires_in', value)))
      expect(parsed).toMatchObject({ accessToken: 'access', refreshToken: 'refresh', expiresInMs: undefined })
    },
  )

  it('400 invalid_grant with any text: INVALID_GRANT', () => {
    for (const error_description of ['invalid refresh token', 'redirect_uri does not match', '', undefined, 7]) {
      const error = thrownBy(() => parseTokenResponse(answer(400, { error: 'invalid_grant', error_description })))
      expect(error).toBeInstanceOf(InvalidGrant)
      expect(error).toMatchObject({ code: 'INVALID_GRANT', lineRequestId })
    }
  })

  it.each([
    [400, { error: 'invalid_request' }],
    [400, { error: 'invalid_scope' }],
    [400, { error: ['invalid_grant'] }],
    [400, { error: ['invalid_client'] }],
    [403, { error: 'invalid_client' }],
    [200, { error: 'invalid_client' }],
    [400, { message: 'invalid_grant' }],
    [400, '<html>invalid_grant</html>'],
    [400, undefined],
    [401, { error: 'invalid_grant' }],
    [403, { error: 'invalid_grant' }],
    [200, { error: 'invalid_grant' }],
    [201, good],
    [302, good],
    [400, good],
    ...otherBodies.map((body): [number, unknown] => [200, body]),
  ])('%i with %j: LINE_UNAVAILABLE', (status, body) => {
    const error = thrownBy(() => parseTokenResponse(answer(status, body)))
    expect(error).toBeInstanceOf(LineUnavailable)
    expect(error).toMatchObject({ lineRequestId, sent: true })
  })
})

describe('our own settings', () => {
  const readers = { parseTokenResponse, assertRevoked, parseChannelToken }
  const words = ['invalid_client', 'unauthorized_client', 'unsupported_grant_type']
  const cases = Object.entries(readers).flatMap(([name, read]) =>
    words.flatMap((error) => [400, 401].map((status) => [name, status, error, read] as const)),
  )

  it.each(cases)('%s, %i %s: MISCONFIGURED without retryAfter, reported as refused (D3)', (_, status, error, read) => {
    const judgements: Judgement[] = []
    const given = { ...answer(status, { error }), judged: (one: Judgement) => judgements.push(one) }
    const thrown = thrownBy(() => read(given))
    expect(thrown).toBeInstanceOf(Misconfigured)
    expect(thrown).toMatchObject({ lineRequestId, retryAfter: undefined })
    expect(judgements).toEqual([{ outcome: 'refused', isMisconfigured: true }])
  })

  it('endpoints without a channel secret: never MISCONFIGURED (D3)', () => {
    for (const status of [400, 401]) {
      const given = answer(status, { error: 'invalid_client', message: 'invalid_client' })
      for (const judge of [
        judgeProfile,
        judgeUserinfo,
        judgeFriendship,
        (one: LineAnswer) => judgeVerification(one, isOurs),
      ])
        expect(judge(given)).not.toMatchObject({ outage: expect.any(Misconfigured) })
    }
  })

  it('invalid_request for a code or refresh token: LINE_UNAVAILABLE without retryAfter (D3)', () => {
    const error = thrownBy(() => parseTokenResponse(answer(400, { error: 'invalid_request' })))
    expect(error).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: undefined, unusable: true })
  })
})

describe('what LINE answered and is no good', () => {
  it.each([
    ['an unexpected status', answer(403)],
    ['an answer that cannot be read', answer(200, { access_token: 7 })],
    ['a request that LINE did not accept', answer(400, { error: 'invalid_request' })],
    ['a refused channel', answer(401, { error: 'invalid_client' })],
  ])('%s: every replica would get it', (_, given) => {
    expect(isAnsweredByLine(thrownBy(() => parseTokenResponse(given)))).toBe(true)
  })

  it('a refused code or refresh token: no outage', () => {
    const refusal = thrownBy(() => parseTokenResponse(answer(400, { error: 'invalid_grant' })))
    expect(refusal).toMatchObject({ code: 'INVALID_GRANT' })
    expect(isAnsweredByLine(refusal)).toBe(false)
  })

  it('an error that this process made itself: not shared', () => {
    const own = [new InvalidGrant('used'), new LineUnavailable('late'), new Misconfigured(), new Error('a bug'), 'text']
    expect(own.filter(isAnsweredByLine)).toEqual([])
  })
})

describe('the report of an answer', () => {
  const verification = { scope: 'profile', client_id: ours, expires_in: 60 }
  const user = { userId: 'U1', displayName: 'Sakura' }
  const tokens = { access_token: 'a', expires_in: 60 }
  const verify = (given: LineAnswer) => judgeVerification(given, isOurs)
  const property = (name: string, rule: string) => `"response" body "${name}" property must be ${rule}`
  const noObject = '"response" body must be an object'
  const wrongStatus = 'unexpected HTTP status code'

  it.each<[string, (given: LineAnswer) => unknown, number, unknown, object]>([
    ['verify', verify, 200, verification, { outcome: 'answered' }],
    ['verify', verify, 200, { ...verification, client_id: '7' }, { outcome: 'answered' }],
    ['verify', verify, 200, { ...verification, expires_in: -1 }, { outcome: 'answered' }],
    ['verify', verify, 400, { error: 'invalid_request' }, { outcome: 'refused' }],
    ['verify', verify, 200, { ...verification, client_id: 7 }, { failure: property('client_id', 'a string') }],
    ['verify', verify, 200, { ...verification, scope: [] }, { failure: property('scope', 'a string') }],
    [
      'verify',
      verify,
      200,
      { ...verification, expires_in: '60' },
      { failure: property('expires_in', 'a positive number') },
    ],
    ['verify', verify, 200, undefined, { failure: noObject }],
    ['verify', verify, 403, verification, { failure: wrongStatus }],
    ['profile', judgeProfile, 200, user, { outcome: 'answered' }],
    ['profile', judgeProfile, 401, { message: 'no' }, { outcome: 'refused' }],
    ['profile', judgeProfile, 403, { message: 'Access Denied' }, { outcome: 'refused' }],
    ['userinfo', judgeUserinfo, 403, { message: 'Access Denied' }, { outcome: 'refused' }],
    ['friendship', judgeFriendship, 403, undefined, { outcome: 'refused' }],
    ['profile', judgeProfile, 404, { message: 'Not Found' }, { failure: wrongStatus }],
    ['profile', judgeProfile, 200, { ...user, userId: '' }, { failure: property('userId', 'a non-empty string') }],
    ['profile', judgeProfile, 200, { ...user, displayName: 7 }, { failure: property('displayName', 'a string') }],
    ['profile', judgeProfile, 200, '<html>', { failure: noObject }],
    ['userinfo', judgeUserinfo, 200, {}, { failure: property('sub', 'a non-empty string') }],
    ['friendship', judgeFriendship, 400, { message: 'no bot' }, { outcome: 'answered' }],
    ['friendship', judgeFriendship, 200, { friendFlag: 1 }, { failure: property('friendFlag', 'a boolean') }],
    ['token', parseTokenResponse, 200, tokens, { outcome: 'answered' }],
    ['token', parseTokenResponse, 400, { error: 'invalid_grant' }, { outcome: 'refused' }],
    ['token', parseTokenResponse, 400, { error: 'invalid_request' }, { outcome: 'refused' }],
    ['token', parseTokenResponse, 200, {}, { failure: property('access_token', 'a non-empty string') }],
    ['revoke', assertRevoked, 200, undefined, { outcome: 'answered' }],
    ['revoke', assertRevoked, 400, { error: 'invalid_request' }, { outcome: 'refused' }],
    ['revoke', assertRevoked, 404, undefined, { failure: wrongStatus }],
    ['revoke', assertRevoked, 200, null, { failure: '"response" body must be empty' }],
    ['deauthorize', assertDeauthorized, 204, undefined, { outcome: 'answered' }],
    ['deauthorize', assertDeauthorized, 400, { message: 'invalid token' }, { outcome: 'refused' }],
    ['deauthorize', assertDeauthorized, 403, undefined, { failure: wrongStatus }],
    ['deauthorize', assertDeauthorized, 200, null, { failure: '"response" body must be empty' }],
    ['channel token', parseChannelToken, 200, tokens, { outcome: 'answered' }],
    [
      'channel token',
      parseChannelToken,
      200,
      { access_token: 'a' },
      { failure: property('expires_in', 'a positive number') },
    ],
    ['keys', keysIn, 200, { keys: ['a', 7] }, { outcome: 'answered' }],
    ['keys', keysIn, 200, { keys: [7] }, { failure: property('keys', 'an array with a usable key') }],
    ['keys', keysIn, 200, { keys: {} }, { failure: property('keys', 'an array with a usable key') }],
  ])('%s, %2$i %3$j: one, with the member that was wrong (D3)', (_, read, status, body, expected) => {
    const judgements: Judgement[] = []
    try {
      read({ ...answer(status, body), judged: (one) => judgements.push(one) })
    } catch {}
    expect(judgements).toEqual(['failure' in expected ? { outcome: 'unreadable', ...expected } : expected])
  })

  it('an unreadable answer: the cause of the error names the member, its message does not (D3)', () => {
    const verdict = verify(answer(200, { ...verification, expires_in: '60' }))
    const { outage } = verdict as { readonly outage: LineUnavailable }
    expect(outage.message).not.toContain('expires_in')
    expect(outage.cause).toMatchObject({ message: property('expires_in', 'a positive number') })
  })
})

describe('revoke', () => {
  it.each<[number, unknown]>([
    [200, undefined],
    [200, {}],
    [400, { error: 'invalid_request' }],
    [400, { error: 'invalid_request', error_description: 'anything' }],
  ])('%i with %j: the token is revoked', (status, body) => {
    expect(() => assertRevoked(answer(status, body))).not.toThrow()
  })

  it.each<[number, unknown]>([
    ...notEmpty.map((body): [number, unknown] => [200, body]),
    [400, undefined],
    [400, '<html>'],
    [400, { error: 'invalid_grant' }],
    [400, { message: 'invalid_request' }],
    [401, { error: 'invalid_request' }],
    ...unknownStatuses.map((status): [number, unknown] => [status, { error: 'invalid_request' }]),
  ])('%i with %j: LINE_UNAVAILABLE', (status, body) => {
    expect(() => assertRevoked(answer(status, body))).toThrow(LineUnavailable)
  })
})

describe('deauthorize', () => {
  it.each<[number, unknown]>([
    [204, undefined],
    [200, undefined],
    [200, {}],
    [400, { message: 'invalid token' }],
  ])('%i with %j: the consent is withdrawn', (status, body) => {
    expect(() => assertDeauthorized(answer(status, body))).not.toThrow()
  })

  it.each<[number, unknown]>([
    ...notEmpty.map((body): [number, unknown] => [200, body]),
    [400, undefined],
    [400, null],
    [400, { message: '' }],
    [400, { message: ['invalid token'] }],
    [400, { error: 'invalid_request' }],
    ...[401, 201, 302, 403, 404].map((status): [number, unknown] => [status, { message: 'invalid token' }]),
  ])('%i with %j: LINE_UNAVAILABLE', (status, body) => {
    expect(() => assertDeauthorized(answer(status, body))).toThrow(LineUnavailable)
  })
})

describe('the channel token', () => {
  const good = { token_type: 'Bearer', access_token: 'stateless', expires_in: 899 }

  it('has the token and its lifetime', () => {
    expect(parseChannelToken(answered(good))).toEqual({ channelToken: 'stateless', expiresInMs: 899_000 })
  })

  it.each([...notStrings, ''].map((value) => [value]))('access_token is %s: LINE_UNAVAILABLE', (value) => {
    expect(() => parseChannelToken(answered(withMember(good, 'access_token', value)))).toThrow(LineUnavailable)
  })

  it.each([...notNumbers, 0, -1].map((value) => [value]))('expires_in is %s: LINE_UNAVAILABLE', (value) => {
    expect(() => parseChannelToken(answered(withMember(good, 'expires_in', value)))).toThrow(LineUnavailable)
  })

  it.each([201, 400, 401, 403])('status %i: LINE_UNAVAILABLE', (status) => {
    expect(() => parseChannelToken(answer(status, good))).toThrow(LineUnavailable)
  })
})

describe('the key set', () => {
  it('is what is usable in the list that LINE sent', () => {
    expect(keysIn(answered({ keys: ['a', null, 7] }))).toEqual(new Set(['a']))
  })

  const unusable = [{ keys: null }, { keys: {} }, { keys: 'EC' }, { keys: { length: 1 } }, { keys: [] }, { keys: [7] }]
  it.each([...otherBodies, ...unusable])('%j: LINE_UNAVAILABLE', (body) => {
    expect(() => keysIn(answered(body))).toThrow(LineUnavailable)
  })

  it.each([201, 400, 401, 403, 404])('status %i: LINE_UNAVAILABLE', (status) => {
    expect(() => keysIn(answer(status, { keys: ['a'] }))).toThrow(LineUnavailable)
  })
})

/** The keys of a set in which every text is a usable key. */
function keysIn(given: LineAnswer): ReadonlySet<unknown> {
  return parseKeySet(given, (sent) => new Set(sent.filter((key) => typeof key === 'string')))
}

it('an undocumented answer is an outage with retryAfter and LINE’s request id, without text of LINE', () => {
  const verdict = judgeProfile(answer(418, { message: 'secret-looking-text' }))
  expect(verdict).toMatchObject({ outage: { code: 'LINE_UNAVAILABLE', lineRequestId, retryAfter: 2, sent: true } })
  expect('outage' in verdict && verdict.outage.message).not.toContain('secret-looking-text')
})

/** The rules that profile, userinfo and friendship share. */
function resourceVerdicts(
  judge: (given: LineAnswer) => Verdict<unknown>,
  good: Body,
  { without400 = false }: { readonly without400?: boolean } = {},
): void {
  it.each([
    [{ message: 'The access token expired' }, 'EXPIRED'],
    [{ message: 'The access token revoked' }, 'REVOKED'],
    [{ message: 'invalid token' }, 'INVALID'],
    [{ message: 'JWS format error' }, 'MALFORMED'],
    [{ message: ['expired'] }, 'INVALID'],
    [{ error: 'invalid_request', error_description: 'expired' }, 'INVALID'],
    ['<html>expired</html>', 'INVALID'],
    [undefined, 'INVALID'],
    [null, 'INVALID'],
    [good, 'INVALID'],
  ])('401 with %j: refused as %s', (body, reason) => {
    const lineError = Object(body).error
    expect(judge(answer(401, body))).toEqual(invalid(reason, lineError))
  })

  it.each([...unknownStatuses, ...(without400 ? [] : [400])])('status %i: unknown', (status) => {
    expect(judge(answer(status, good))).toEqual(unknown)
    expect(judge(answer(status, { message: 'The access token expired' }))).toEqual(unknown)
    expect(judge(answer(status, undefined))).toEqual(unknown)
  })

  it.each(otherBodies)('200 with %j: unknown', (body) => {
    expect(judge(answered(body))).toEqual(unknown)
  })

  it('members of a prototype are not read', () => {
    expect(judge(answered(JSON.parse(`{"__proto__":${JSON.stringify(good)}}`)))).toEqual(unknown)
    expect(judge(answered(Object.create(good)))).toEqual(unknown)
  })
}

/** Bodies similar to a good one: each member has the good value, a value near a limit, or any value. */
function bodyOf(good: Body): fc.Arbitrary<Body> {
  const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -0, 1e308, -1e308, 2 ** 31, 2 ** 53))
  const text = fc.oneof(fc.constantFrom(ours, '', 'invalid_request', 'profile'), fc.string())
  const value = fc.oneof(number, text, fc.jsonValue())
  const members = fc.record(
    { ...mapValues(good, (good) => fc.oneof(fc.constant(good), value)), error: value },
    { requiredKeys: [] },
  )
  return fc
    .tuple(members, fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }))
    .map(([known, more]) => ({ ...more, ...known }))
}

function mapValues<Value>(body: Body, map: (value: unknown) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, map(value)]))
}

function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('Expected an error to be thrown')
}
