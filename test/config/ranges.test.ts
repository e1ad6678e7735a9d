import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { codesOf, useRunningGateway } from '../harness/running-gateway.ts'

/** Every setting that is a number, at both ends of its range. Ports have tests of their own. */
const least = {
  LINE_MAX_CONCURRENCY: '1',
  FAILED_TOKENS_BURST: '1',
  FAILED_TOKENS_PER_SECOND: '0.00001',
  CACHE_MAX_TOKENS: '1',
  VERIFICATION_FRESH_SECONDS: '0',
  VERIFICATION_MAX_STALE_SECONDS: '1',
  SHUTDOWN_GRACE_SECONDS: '0',
}
const most = {
  LINE_TIMEOUT_MS: '60000',
  LINE_MAX_CONCURRENCY: '1024',
  FAILED_TOKENS_BURST: '1000000',
  FAILED_TOKENS_PER_SECOND: '1000000',
  CACHE_MAX_TOKENS: mostRecords(),
  VERIFICATION_FRESH_SECONDS: '2592000',
  VERIFICATION_MAX_STALE_SECONDS: '2592000',
  SHUTDOWN_GRACE_SECONDS: '3600',
}

/** As many as fit into the heap of this process. The problem says how many. */
function mostRecords(): string {
  try {
    readConfig({ LINE_CHANNEL_ID: '1', LINE_CHANNEL_TYPE: 'liff', CACHE_MAX_TOKENS: '999999999' })
    throw new Error('Too many records were accepted')
  } catch (error) {
    return /CACHE_MAX_TOKENS: .* from 1 to (\d+)/.exec(String(error))?.[1] ?? ''
  }
}

const viewer = '{ viewer { displayName } }'
const sakura = { viewer: { displayName: 'Sakura Tanaka' } }

describe.each([
  ['lowest', least],
  ['highest', most],
])('every number at its %s', (_, settings) => {
  const gateway = useRunningGateway(settings)

  test('good tokens are answered, also once they are old; a bad one is UNAUTHENTICATED (D16)', async () => {
    const { ask, issue, advance } = gateway()
    const tokens = [issue(), issue()].map(({ accessToken }) => accessToken)
    for (const token of [...tokens, ...tokens]) expect(await ask(viewer, { token })).toMatchObject({ data: sakura })
    advance(2_591_000_000)
    for (const token of tokens) expect(await ask(viewer, { token })).toMatchObject({ data: sakura })
    expect(codesOf(await ask(viewer, { token: 'junk.1.x' }))).toEqual(['UNAUTHENTICATED'])
  })
})

describe('the lowest rate', () => {
  const gateway = useRunningGateway({ FAILED_TOKENS_BURST: '1', FAILED_TOKENS_PER_SECOND: '0.00001' })

  test('RATE_LIMITED after one bad token: `retryAfter` is a day in whole seconds (D16)', async () => {
    const reply = async (token: string) => gateway().ask(viewer, { token })
    expect(codesOf(await reply('junk.1.x'))).toEqual(['UNAUTHENTICATED'])
    const { errors, headers } = await reply('junk.2.x')
    expect(errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
    expect(headers['retry-after']).toMatch(/^\d{4,6}$/)
    expect(errors[0]?.extensions.retryAfter).toBe(Number(headers['retry-after']))
  })
})
