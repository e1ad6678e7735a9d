import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { useSharedGateway, web } from '../harness/running-gateway.ts'

/** The login of a web page, with the window handed in. LINE gives the code by itself. */

type Action = { readonly label: string; run(): Promise<unknown> }
type Login = {
  startLogin(more?: object): Promise<void>
  finishLogin(): Promise<{ readonly viewer: unknown } | undefined>
}

const load = (name: string) => import(join(import.meta.dirname, '../recipes', name))
const { createLogin } = await load('login.mjs')
const { createClient } = await load('fetch.mjs')
const gateway = useSharedGateway({}, { startsAt: Date.now() })
const redirectUri = 'https://app.example/callback'

let tokens: object | undefined
let said: string[]
let action: Action | undefined
let href: string
let opened: URL
let stored: Map<string, string>

/** The page, as it is after each load: only the window keeps something. */
function openPage(): Login {
  const session = {
    read: () => tokens,
    save: (given: object) => {
      tokens = given
    },
  }
  const wait = async (ms: number) => gateway().advance(ms)
  const { ask } = createClient({ url: `${gateway().url}/graphql`, session, login() {}, wait })
  const say = (words: string, given?: Action) => {
    said.push(words)
    action = given
  }
  const browser = {
    location: {
      get href() {
        return href
      },
      assign: (address: string) => {
        opened = new URL(address)
      },
    },
    history: {
      replaceState: (_state: null, _title: string, address: string) => {
        href = address
      },
    },
    sessionStorage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    },
  }
  return createLogin({ ask, session, say, redirectUri, browser })
}

const stateOf = (url: URL) => url.searchParams.get('state') ?? ''

/** LINE sends the user back with a code. */
function comeBack(parameters: Record<string, string> = {}): void {
  const asked = opened.searchParams
  const code = gateway().emulator.issueCode({
    channelId: web.id,
    redirectUri,
    codeChallenge: asked.get('code_challenge') ?? '',
    nonce: asked.get('nonce') ?? '',
  })
  href = `${redirectUri}?${new URLSearchParams({ code, state: stateOf(opened), ...parameters })}`
}

const exchanges = () => gateway().emulator.calls.of('token')
const viewer = expect.objectContaining({ displayName: 'Sakura Tanaka' })

beforeEach(async () => {
  tokens = undefined
  said = []
  action = undefined
  href = redirectUri
  stored = new Map()
  await openPage().startLogin()
})

describe('login.mjs', () => {
  it('a login: keeps the tokens, and neither the code nor the verifier', async () => {
    comeBack()
    expect(await openPage().finishLogin()).toMatchObject({ viewer })
    expect(tokens).toMatchObject({ accessToken: expect.any(String), refreshToken: expect.any(String) })
    expect({ href, kept: stored.size, said }).toEqual({ href: redirectUri, kept: 0, said: [] })
    expect(await openPage().finishLogin()).toBeUndefined()
    expect(exchanges()).toBe(1)
  })

  it('two calls at the same time: one exchange', async () => {
    comeBack()
    const { finishLogin } = openPage()
    expect(await Promise.all([finishLogin(), finishLogin()])).toEqual(
      Array(2).fill(expect.objectContaining({ viewer })),
    )
    expect(exchanges()).toBe(1)
  })

  it('a page without a code: does nothing', async () => {
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, exchanges: exchanges() }).toEqual({ said: [], exchanges: 0 })
  })

  it.each([
    ['the state of another login', { state: 'other' }],
    ['no state', { state: '' }],
  ])('%s: no exchange, and a new login without auto login', async (_, parameters) => {
    comeBack(parameters)
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, href, exchanges: exchanges() }).toEqual({
      said: ['This login has failed.'],
      href: redirectUri,
      exchanges: 0,
    })
    await action?.run()
    expect(opened.searchParams.get('disable_auto_login')).toBe('true')
  })

  it('no login was started in this window: no exchange', async () => {
    comeBack()
    stored.clear()
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, exchanges: exchanges() }).toEqual({ said: ['This login has failed.'], exchanges: 0 })
  })

  it.each([
    ['ACCESS_DENIED', 'You cancelled the login.'],
    ['access_denied', 'You cancelled the login.'],
    ['SERVER_ERROR', 'LINE stopped the login.'],
  ])('%s: says "%s", and offers a new login', async (error, words) => {
    href = `${redirectUri}?${new URLSearchParams({ error, state: stateOf(opened) })}`
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, href, action }).toMatchObject({ said: [words], href: redirectUri, action: { label: 'Log in' } })
  })

  it.each([
    ['by the button', async () => action?.run()],
    ['when the page is loaded again', () => openPage().finishLogin()],
  ])('LINE is down: the same code is sent again %s', async (_, goOn) => {
    comeBack()
    gateway().emulator.faults.set('token', { status: 503 })
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, label: action?.label }).toEqual({
      said: ['LINE is not available now. Try again later.'],
      label: 'Try again',
    })
    expect(tokens).toBeUndefined()
    gateway().emulator.faults.clear()
    gateway().advance(60_000)
    expect(await goOn()).toMatchObject({ viewer })
    expect({ kept: stored.size, href }).toEqual({ kept: 0, href: redirectUri })
  })

  it('a code that LINE refuses: a new login', async () => {
    comeBack({ code: 'abc' })
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, kept: stored.size, tokens }).toEqual({ said: ['This login has ended.'], kept: 0, tokens: undefined })
    const old = stateOf(opened)
    await action?.run()
    expect(stateOf(opened)).not.toBe(old)
  })

  it('an ID token with another nonce: nobody is logged in', async () => {
    comeBack()
    stored.set('line-login', JSON.stringify({ ...JSON.parse(stored.get('line-login') ?? ''), nonce: 'other' }))
    expect(await openPage().finishLogin()).toBeUndefined()
    expect({ said, tokens }).toEqual({ said: ['This login has ended.'], tokens: undefined })
  })
})
