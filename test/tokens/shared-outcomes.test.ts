import { describe, expect, it } from 'vitest'
import { InvalidGrant, LineRateLimited, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import { readOutage, readOutcome, writeOutage, writeOutcome } from '../../src/tokens/shared-outcomes.ts'
import { type Answer, invalid, SourceLimited } from '../../src/tokens/token-resolver.ts'

const lineRequestId = '8d48c8577e739b9c'
const answered = true
const outages = [
  new LineUnavailable('LINE answered with a server error', { retryAfter: 1, lineRequestId, answered }),
  new LineUnavailable('LINE gave an unexpected answer (status 403)', { unusable: true, answered }),
  new LineRateLimited({ retryAfter: 60, lineRequestId, answered }),
  new Misconfigured({ lineRequestId, answered }),
]

describe('an outcome that LINE answered', () => {
  it.each([invalid('EXPIRED'), { verdict: 'invalid', reason: 'REVOKED', lineRequestId } as const, ...outages])(
    'comes back as it was: %j',
    (outcome) => {
      const read = readOutcome(writeOutcome(outcome, '1,2') ?? Buffer.alloc(0), '1,2')
      expect(read).toEqual(outcome)
      expect({ ...read }).toEqual({ ...outcome })
    },
  )

  it.each(outages)('the outage of an answer and the outage itself are the same: %s', (outage) => {
    expect(readOutcome(writeOutcome({ verdict: 'unknown', outage }, '1,2') ?? Buffer.alloc(0), '1,2')).toEqual(outage)
    expect(readOutage(writeOutage(outage))).toEqual(outage)
  })

  it('a token of another channel: refused only by replicas with the same channels', () => {
    const written = writeOutcome(invalid('WRONG_CHANNEL'), '1,2') ?? Buffer.alloc(0)
    expect(readOutcome(written, '1,2')).toEqual(invalid('WRONG_CHANNEL'))
    expect(readOutcome(written, '1,2,3')).toBeUndefined()
  })

  it('a refusal is no outage', () => {
    expect(readOutage(writeOutcome(invalid('EXPIRED'), '1,2') ?? Buffer.alloc(0))).toBeUndefined()
  })
})

describe('what is not shared', () => {
  const own = new LineUnavailable('LINE did not answer in time', { retryAfter: 1 })
  it.each<[string, Answer | Error]>([
    ['a record', { verdict: 'valid', record: { channelId: '1', scopes: [], verifiedAt: 1, expiresAt: 2 } as never }],
    ['a time limit', own],
    ['a time limit, as an answer', { verdict: 'unknown', outage: own }],
    ['a full queue or a pause', new LineRateLimited({ retryAfter: 1 })],
    ['a channel for which we have no secret', new Misconfigured()],
    ['a refused code or refresh token, which its own tier shares', new InvalidGrant('LINE refused the refresh token')],
    ['a limit of a client address', { verdict: 'unknown', outage: new SourceLimited(1) }],
    ['a bug', new TypeError('a bug')],
  ])('%s', (_, outcome) => {
    expect(writeOutcome(outcome, '1,2')).toBeUndefined()
  })
})

describe('what cannot be read', () => {
  const good = { code: 'LINE_UNAVAILABLE', message: 'LINE answered', retryAfter: 1, unusable: false, lineRequestId }
  it('the text of which the next ones are changes: it can be read', () => {
    expect(readOutcome(Buffer.from(JSON.stringify(good)), '1,2')).toBeInstanceOf(LineUnavailable)
  })

  it.each<unknown>([
    null,
    7,
    'EXPIRED',
    [],
    {},
    { ...good, code: 'RATE_LIMITED' },
    { ...good, code: undefined },
    { ...good, retryAfter: -1 },
    { ...good, retryAfter: '1' },
    { ...good, retryAfter: 61 },
    { ...good, retryAfter: 1.5 },
    { ...good, unusable: 'no' },
    { ...good, message: '' },
    { ...good, message: 'x'.repeat(201) },
    { ...good, lineRequestId: '<script>' },
    { ...good, verdict: 'valid' },
    { invalid: 'NEW_REASON' },
    { invalid: 'toString' },
    { invalid: 'EXPIRED', code: 'MISCONFIGURED' },
    { code: 'LINE_RATE_LIMITED', message: 'x' },
    { code: 'INVALID_GRANT', message: 'x' },
  ])('%j', (text) => {
    expect(readOutcome(Buffer.from(JSON.stringify(text)), '1,2')).toBeUndefined()
  })

  it.each(['', '{', '\xff', '{"invalid":"EXPIRED"} '.repeat(2)])('%j, which is no JSON', (text) => {
    expect(readOutcome(Buffer.from(text, 'latin1'), '1,2')).toBeUndefined()
  })
})
