import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

/** Imports a module of the pages. It is plain JavaScript. */
const load = (name: string) => import(new URL(`../../src/dev/pages/${name}.js`, import.meta.url).href)
const lineUrl = 'http://127.0.0.1:4001'
const loginPage = `${lineUrl}/oauth2/v2.1/authorize?state=s&nonce=n&redirect_uri=r&client_id=1`

describe('the login in an answer of GraphiQL', () => {
  test('is found by any alias, with what only its address has', async () => {
    const { loginsIn } = await load('graphiql-answers')
    const login = { authorizationUrl: loginPage, state: 's', nonce: 'n', redirectUri: 'r', channelId: '1' }
    expect(loginsIn({ mine: { authorizationUrl: loginPage } }, lineUrl)).toEqual([login])
  })

  test.each([
    `javascript:alert(document.domain)//${loginPage}`,
    'https://evil.example/oauth2/v2.1/authorize?state=s',
    'blob:http://127.0.0.1:4001/?state=s',
    lineUrl,
    'no address',
    null,
    5,
  ])('is not %s, as another field under its name can be', async (authorizationUrl) => {
    const { loginsIn } = await load('graphiql-answers')
    expect(loginsIn({ viewer: { authorizationUrl }, other: null }, lineUrl)).toEqual([])
  })
})

describe('the Authorization of a tab', () => {
  test.each([
    ['{"Authorization": "Bearer typed"}', '{"Authorization": "Bearer new"}'],
    [
      '{ // mine\n "authorization" : "Basic \\"x\\"", "x": "1" }',
      '{ // mine\n "authorization" : "Bearer new", "x": "1" }',
    ],
    ['{"Authorization": null}', '{"Authorization": "Bearer new"}'],
    ['{"x":"1"}', '{\n  "x": "1",\n  "Authorization": "Bearer new"\n}'],
    [' ', '{\n  "Authorization": "Bearer new"\n}'],
    ['{"x": // not JSON\n', '{"x": // not JSON\n'],
  ])('%j becomes the token that is given', async (text, changed) => {
    const { withToken } = await load('graphiql-headers')
    expect(withToken(text, 'new', true)).toBe(changed)
    expect(withToken(changed, 'new', true)).toBe(changed)
  })

  test('without a token: only what is there is replaced', async () => {
    const { withToken } = await load('graphiql-headers')
    expect(withToken('', 'none', false)).toBe('')
    expect(withToken('{"Authorization":"Bearer old"}', '$&', false)).toBe('{"Authorization":"Bearer $&"}')
  })

  test('of a request: its token, whatever the case of the name', async () => {
    const { tokenIn } = await load('graphiql-headers')
    expect([{ authorization: 'bearer x' }, { Authorization: 'Basic x' }, {}, undefined].map(tokenIn)).toEqual([
      'x',
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the words for a failure', () => {
  test.each(['constructor', '__proto__', 'NEW_CODE'])('with the code %s: the message of the gateway', async (code) => {
    const { wordsFor } = await load('ask')
    expect(wordsFor({ code, message: 'no.' })).toBe(`The gateway answered ${code}: no.`)
  })

  test('of the browser: its own message, as it is no answer of the gateway', async () => {
    const { wordsFor } = await load('ask')
    expect(wordsFor(new DOMException('no room', 'QuotaExceededError'))).toBe('This page failed: no room.')
  })

  test('an outage: "You stay logged in" only for somebody who is', async () => {
    const { keepSession, wordsFor } = await load('session')
    expect(wordsFor({ code: 'LINE_UNAVAILABLE', retryAfter: 1 })).toBe('LINE is unavailable. Try again in 1 s.')
    keepSession({ accessToken: 'x' })
    expect(wordsFor({ code: 'LINE_UNAVAILABLE', retryAfter: 1 })).toContain('You stay logged in.')
  })
})

describe('a refresh', () => {
  const wanted = {
    accessToken: 'new',
    refreshToken: 'r',
    expiresIn: 3600,
    expiresAt: '2099-01-01T00:00:00Z',
    scopes: [],
  }
  const refreshWhile = async (meanwhile: (session: { dropSession(): void }) => void) => {
    const session = await load('session')
    session.keepSession({ accessToken: 'old', refreshToken: 'r', scopes: [] })
    vi.stubGlobal('fetch', async () => {
      meanwhile(session)
      return Response.json({ data: { refreshToken: wanted } })
    })
    await session.refresh()
    return session.readSession()
  }

  test('with a gateway whose clock is years ahead: the token ends by the clock of this browser', async () => {
    const { expiresAt } = await refreshWhile(() => {})
    const leftMs = Date.parse(expiresAt) - Date.now()
    expect(leftMs).toBeGreaterThan(0)
    expect(leftMs).toBeLessThanOrEqual(3_600_000)
  })

  test('that is answered after the logout: nobody is logged in', async () => {
    expect(await refreshWhile(({ dropSession }) => dropSession())).toBeUndefined()
  })
})

describe('the storage', () => {
  test.each([
    '[]',
    '5',
    'null',
    '"x"',
    '{',
    '{}',
    '{"accessToken":null}',
    '{"accessToken":["x"]}',
    '{"accessToken":"ü"}',
  ])('a session edited to %s: nobody is logged in', async (text) => {
    const { readSession } = await load('session')
    sessionStorage.setItem('line-session', text)
    expect(readSession()).toBeUndefined()
  })

  test('a session with other members edited: they are as good as missing', async () => {
    const { readSession } = await load('session')
    sessionStorage.setItem(
      'line-session',
      '{"accessToken":"x","refreshToken":5,"expiresAt":{},"scopes":["a",null,[1]]}',
    )
    expect(readSession()).toEqual({ accessToken: 'x', scopes: ['a'] })
  })

  test.each([
    '{"tabs":[],"activeTabIndex":0}',
    '{"tabs":[null],"activeTabIndex":0}',
    '{"tabs":[{}],"activeTabIndex":0}',
    '{"tabs":[{"id":"1","title":"x","query":"{a}"}],"activeTabIndex":1}',
    '{"tabs":[{"id":"1","title":"x","query":{}}],"activeTabIndex":0}',
    '{"tabs":{"0":{}},"activeTabIndex":0}',
  ])('a draft edited to %s: none, and it is removed', async (text) => {
    const { takeDraft } = await load('graphiql-draft')
    sessionStorage.setItem('graphiql-draft', text)
    expect(takeDraft()).toBeUndefined()
    expect(sessionStorage.getItem('graphiql-draft')).toBeNull()
  })

  test('a login: kept until its end, then only that it is finished', async () => {
    const { endLogin, keepLogin, loginOf } = await load('session')
    expect(loginOf('__proto__')).toBeUndefined()
    keepLogin({ state: 's', codeVerifier: 'v', redirectUri: 'r' })
    expect(loginOf('s')).toMatchObject({ codeVerifier: 'v', redirectUri: 'r' })
    endLogin('s')
    expect(loginOf('s')).toEqual({ isFinished: true })
  })

  test.each(['blocked', 'full'])('%s: reading finds nothing, writing says NO_STORAGE', async (kind) => {
    const { Failure, dropSession, isCodeSent, keepLogin, loginOf, markCode, readSession } = await load('session')
    for (const area of areas) replace(area, kind === 'full' ? { ...createStorage(), setItem: refuse } : undefined)
    expect([readSession(), loginOf('s'), isCodeSent('c')]).toEqual([undefined, undefined, false])
    expect(() => dropSession()).not.toThrow()
    expect(() => markCode('c')).toThrow(Failure)
    expect(() => keepLogin({ state: 's' })).toThrow(expect.objectContaining({ code: 'NO_STORAGE' }))
  })
})

const areas = ['sessionStorage', 'localStorage'] as const
const originals = areas.map((area) => Object.getOwnPropertyDescriptor(globalThis, area))

beforeEach(() => {
  for (const area of areas) replace(area, createStorage())
})
afterEach(() => {
  vi.unstubAllGlobals()
  for (const [index, area] of areas.entries()) {
    const original = originals[index]
    if (original) Object.defineProperty(globalThis, area, original)
    else Reflect.deleteProperty(globalThis, area)
  }
})

/** Without a storage it is blocked: the getter throws. */
function replace(area: (typeof areas)[number], storage: object | undefined): void {
  Object.defineProperty(globalThis, area, { configurable: true, get: () => storage ?? refuse() })
}

function refuse(): never {
  throw new DOMException('denied', 'SecurityError')
}

/** As a browser has it: the keys are its own properties, the methods are not. */
function createStorage(): object {
  const methods = {
    getItem: (key: string) => (Object.hasOwn(storage, key) ? storage[key] : null),
    setItem: (key: string, value: string) => void Object.assign(storage, { [key]: value }),
    removeItem: (key: string) => void Reflect.deleteProperty(storage, key),
  }
  const storage: Record<string, unknown> = Object.create(methods)
  return storage
}
