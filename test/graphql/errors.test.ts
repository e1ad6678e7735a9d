import { GraphQLError, locatedError, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { dropText } from '../../src/graphql/document-places.ts'
import { publicError, retryAfterHeader, toPublicError } from '../../src/graphql/errors.ts'
import { InvalidGrant, InvalidIdToken, LineRateLimited, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import { BadUserInput, Forbidden, Unauthenticated } from '../../src/schema/errors.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'

const publishExpected = (error: unknown) => toPublicError(error, () => expect.unreachable())
const lineRequestId = 'b2a8-request-id'

describe('an expected error', () => {
  it.each([
    [new Unauthenticated('EXPIRED'), { code: 'UNAUTHENTICATED', reason: 'EXPIRED' }],
    [new Unauthenticated('MISSING'), { code: 'UNAUTHENTICATED', reason: 'MISSING' }],
    [new Forbidden('profile'), { code: 'FORBIDDEN', requiredScope: 'profile' }],
    [new InvalidGrant('no', { lineRequestId }), { code: 'INVALID_GRANT', lineRequestId }],
    [new InvalidGrant('no'), { code: 'INVALID_GRANT' }],
    [new InvalidIdToken('NONCE'), { code: 'INVALID_ID_TOKEN', reason: 'NONCE' }],
    [new BadUserInput('code', 'is empty'), { code: 'BAD_USER_INPUT', argument: 'code' }],
    [
      new LineRateLimited({ retryAfter: 7, lineRequestId }),
      { code: 'LINE_RATE_LIMITED', retryAfter: 7, lineRequestId },
    ],
    [new LineUnavailable('no', { retryAfter: 1 }), { code: 'LINE_UNAVAILABLE', retryAfter: 1 }],
    [new LineUnavailable('spent'), { code: 'LINE_UNAVAILABLE' }],
    [new SourceLimited(13), { code: 'RATE_LIMITED', retryAfter: 13 }],
    [new Misconfigured({ lineRequestId }), { code: 'MISCONFIGURED', lineRequestId }],
    [new Misconfigured(), { code: 'MISCONFIGURED' }],
  ])('%s: has the extensions of the contract and no others', (error, extensions) => {
    const published = publishExpected(error)
    expect(published.extensions).toEqual(extensions)
    expect(published.message).toBe(error.message)
  })

  it('wrapped in GraphQL errors: recognised, and keeps its path and locations', () => {
    const { definitions } = dropText(parse('{ viewer { id } }'))
    const inner = locatedError(new Forbidden('openid'), definitions, ['viewer', 'id'])
    const outer = new GraphQLError('wrapped again', {
      originalError: inner,
      path: ['viewer', 'id'],
      nodes: definitions,
    })
    const published = publishExpected(outer)
    expect(published.extensions).toEqual({ code: 'FORBIDDEN', requiredScope: 'openid' })
    expect(published.path).toEqual(['viewer', 'id'])
    expect(published.locations).toEqual([{ line: 1, column: 1 }])
  })

  it('converted twice: the same error', () => {
    const once = publishExpected(new SourceLimited(1))
    expect(publishExpected(once)).toBe(once)
  })

  it('has neither the cause nor the original error', () => {
    const cause = new Error('https://api.line.me/oauth2/v2.1/verify?access_token=secret')
    const published = publishExpected(new LineUnavailable('LINE timed out', { cause }))
    expect(published.originalError).toBeUndefined()
    expect(JSON.stringify(published)).not.toContain('secret')
  })
})

describe('an unexpected error', () => {
  const lookalike = Object.assign(new Error('token abc'), { name: 'Unauthenticated', code: 'UNAUTHENTICATED' })

  it.each([
    new TypeError('Cannot read properties of undefined, token abc'),
    'a string, token abc',
    undefined,
    null,
    lookalike,
    new GraphQLError('no code, token abc'),
  ])('%s: masked, and reported for the log', (error) => {
    const reported: unknown[] = []
    const published = toPublicError(error, (unexpected) => reported.push(unexpected))
    expect(published.extensions.code).toBe('INTERNAL_SERVER_ERROR')
    expect(published.message).toBe('Something went wrong on our side')
    expect(JSON.stringify(published)).not.toContain('abc')
    expect(reported).toEqual([error])
  })

  it('in one field: the status stays; in the whole request: status 500', () => {
    const inField = toPublicError(locatedError(new Error('x'), [], ['viewer']), () => {})
    expect(inField.extensions.http).toBeUndefined()
    expect(inField.path).toEqual(['viewer'])
    expect(toPublicError(new Error('x'), () => {}).extensions.http).toEqual({ status: 500 })
  })

  it('is reported without its wrappers', () => {
    const thrown = new RangeError('deep')
    const reported: unknown[] = []
    toPublicError(locatedError(thrown, [], ['viewer']), (unexpected) => reported.push(unexpected))
    expect(reported).toEqual([thrown])
  })
})

describe('an error about the whole request', () => {
  it('keeps a code of the contract; any other code becomes BAD_REQUEST', () => {
    const codeOf = (code: string) => publishExpected(new GraphQLError('m', { extensions: { code } })).extensions.code
    expect(codeOf('GRAPHQL_VALIDATION_FAILED')).toBe('GRAPHQL_VALIDATION_FAILED')
    expect(codeOf('OPERATION_TOO_COMPLEX')).toBe('OPERATION_TOO_COMPLEX')
    expect(codeOf('OPERATION_RESOLUTION_FAILURE')).toBe('BAD_REQUEST')
  })

  it('has no extension whose value is undefined', () => {
    expect(publicError('m', { code: 'X', lineRequestId: undefined }).extensions).toEqual({ code: 'X' })
  })
})

describe('the Retry-After header', () => {
  const errorsOf = (...waits: (number | undefined)[]) =>
    waits.map((retryAfter) => publicError('no', { code: 'LINE_UNAVAILABLE', retryAfter }))

  it.each([
    [[], []],
    [[undefined], []],
    [[1], ['retry-after', '1']],
    [
      [3, undefined, 13, 7],
      ['retry-after', '13'],
    ],
    [[0.2], ['retry-after', '1']],
  ])('errors with the waits %j: %j', (waits, header) => {
    expect(retryAfterHeader(errorsOf(...waits))).toEqual(header)
  })
})
