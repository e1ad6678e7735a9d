import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isRedirectUri } from '../../src/config/uri-rules.ts'
import { ConfigError, readConfig } from '../../src/config.ts'
import { runsOf } from '../harness/in-full.ts'
import { exchangeLogin, startLogin } from '../harness/log-in.ts'
import { useSharedGateway, web } from '../harness/running-gateway.ts'

const gateway = useSharedGateway()

const good = [
  'https://app.example/callback',
  'https://app.example:8443/a?b=c&d=%20',
  'https://app.example/@me',
  'http://localhost:3000/cb',
  'http://app.localhost/cb',
  'http://127.0.0.1/cb',
  'http://[::1]:3000/cb',
  'myapp://login',
  'com.example.app:/cb',
  'https://app.example/戻る',
  `https://app.example/${'x'.repeat(1_980)}`,
]
const bad = [
  '/callback',
  'app.example',
  'https:',
  'https://',
  'https:///app.example/cb',
  'https:/app.example/cb',
  'https://app.example/#here',
  'https://app.example/#',
  'https://user@app.example/cb',
  'https://user:password@app.example/cb',
  'https://@app.example/cb',
  'https://app.example\\@evil.example/cb',
  'https://app.example/a b',
  'https://app.example/\ncb',
  'https://app.example/\u0000',
  'https://app.example/\u202Ecb',
  'https://app.example/\u00A0cb',
  'https://app.example/\uD800',
  'https://app.example/\uDC00cb',
  'https://app.example:99999/cb',
  'http://app.example/cb',
  'http://localhost.example/cb',
  'http://127.0.0.1.example/cb',
  'HTTP://app.example/cb',
  'http://0.0.0.0/cb',
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'blob:https://app.example/1',
  'about:blank',
  'vbscript:x',
  'filesystem:https://app.example/x',
  'view-source:https://app.example/x',
  'myapp:',
  `https://app.example/${'x'.repeat(1_981)}`,
]

function isSetting(uri: string): boolean {
  try {
    readConfig({ LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret, LINE_REDIRECT_URIS: uri })
    return true
  } catch (error) {
    if (error instanceof ConfigError) return false
    throw error
  }
}

async function isArgument(redirectUri: string): Promise<boolean> {
  const { data, errors } = await gateway().ask(startLogin, { variables: { input: { redirectUri } } })
  if (data?.startLogin != null) return true
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'redirectUri' } }])
  return false
}

describe('a redirect URI', () => {
  it.each(good)('%s: accepted as a setting and as an argument (D10)', async (uri) => {
    expect([isSetting(uri), await isArgument(uri)]).toEqual([true, true])
  })

  it.each(bad)('%j: refused as a setting and as an argument (D10)', async (uri) => {
    expect([isRedirectUri(uri), isSetting(uri), await isArgument(uri)]).toEqual([false, false, false])
    const input = { code: 'x', redirectUri: uri }
    const { errors } = await gateway().ask(exchangeLogin, { variables: { input } })
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', argument: 'redirectUri' } }])
  })

  it('any other text: accepted as a setting exactly if it is accepted as an argument (D10)', async () => {
    const scheme = fc.constantFrom(
      'https://',
      'http://',
      'HTTPS:',
      'myapp:',
      'com.app://',
      'ws://',
      'java\tscript:',
      '',
    )
    const host = fc.constantFrom('app.example', 'localhost', '127.1', '[::1]', 'a@b', '0x7f.1', 'xn--a', '', '例え.jp')
    const rest = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 4 }), fc.webPath())
    const uris = fc
      .tuple(scheme, host, rest)
      .map((parts) => parts.join(''))
      // A setting is a comma list, and white space around its items does not count.
      .filter((uri) => !uri.includes(',') && uri.trim() === uri && uri !== '')
    await fc.assert(
      fc.asyncProperty(uris, async (uri) => {
        expect(await isArgument(uri)).toBe(isSetting(uri))
      }),
      { numRuns: runsOf({ part: 60, full: 200 }) },
    )
  })
})
