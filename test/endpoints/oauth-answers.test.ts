import { describe, expect, it } from 'vitest'
import { oauthError, oauthRefusal, unavailable } from '../../src/endpoints/oauth-answers.ts'
import { RequestRefused, shuttingDown } from '../../src/http/read-request.ts'
import { LineRateLimited, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'

/** Status, word and `Retry-After` of the answer. */
function seen(refused: RequestRefused): readonly unknown[] {
  const { status, headers, body } = oauthRefusal(refused)
  const at = headers.indexOf('retry-after')
  return [status, JSON.parse(String(body)).error, at < 0 ? undefined : headers[at + 1]]
}

describe('a refusal as an OAuth error', () => {
  it.each<[string, RequestRefused, number, string, string | undefined]>([
    ['a word of a standard', oauthError('invalid_target', 'words'), 400, 'invalid_target', undefined],
    ['a request that cannot be read', new RequestRefused(413, 'words'), 413, 'invalid_request', undefined],
    ['our own fault', new RequestRefused(500, 'words'), 500, 'server_error', undefined],
    ['the end of the process', shuttingDown(), 503, 'temporarily_unavailable', '1'],
    ['a limited address', unavailable(new SourceLimited(3)), 429, 'temporarily_unavailable', '3'],
    ['429 of LINE', unavailable(new LineRateLimited({ retryAfter: 7 })), 503, 'temporarily_unavailable', '7'],
    ['an outage', unavailable(new LineUnavailable('words', { retryAfter: 1.5 })), 503, 'temporarily_unavailable', '2'],
    ['an outage of unknown length', unavailable(new LineUnavailable('words')), 503, 'temporarily_unavailable', '30'],
    ['wrong settings', unavailable(new Misconfigured()), 500, 'server_error', undefined],
  ])('%s', (_, refused, status, error, retryAfter) => {
    expect(seen(refused)).toEqual([status, error, retryAfter])
  })
})
