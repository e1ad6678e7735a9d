import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { native, ourChannels, useSharedGateway } from '../harness/running-gateway.ts'

/** What a mobile app does by plain HTTP: with the tokens of the LINE SDK, and with a login of its own. */

type Tokens = { readonly accessToken: string; readonly refreshToken?: string | undefined }
type Answer = { readonly data: unknown; readonly errors?: readonly { readonly extensions: object }[] }
type Login = {
  readonly authorizationUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

type Recipe = {
  createSdkClient(options: object): { ask(query: string): Promise<Answer> }
  createNativeClient(options: object): {
    startLogin(): Promise<Login>
    finishLogin(login: Login, link: string): Promise<unknown>
    ask(query: string): Promise<Answer>
  }
}

const { createSdkClient, createNativeClient }: Recipe = await import(
  join(import.meta.dirname, '../recipes/react-native.mjs')
)
const gateway = useSharedGateway(ourChannels, { startsAt: Date.now() })
const url = () => `${gateway().url}/graphql`
const query = '{ viewer { displayName } }'
const answered = { data: { viewer: { displayName: 'Sakura Tanaka' } } }
const refused = (reason: string) => ({ errors: [{ extensions: { code: 'UNAUTHENTICATED', reason } }] })

let tokens: Tokens | undefined
let events: string[]
const login = () => void events.push('login')
const wait = async (ms: number) => {
  events.push('waited')
  gateway().emulator.faults.clear()
  gateway().advance(ms)
}

const issue = () => gateway().issue({ channelId: native.id })
const expire = () => gateway().emulator.expireAccessToken(tokens?.accessToken ?? '')
const askInParallel = (client: { ask(query: string): Promise<Answer> }, count = 3) =>
  Promise.all(Array.from({ length: count }, () => client.ask(query)))

beforeEach(() => {
  events = []
  tokens = issue()
})

afterEach(() => void vi.restoreAllMocks())

/** Something in front of the gateway answers in its place. */
const badAnswers: readonly [string, () => Response][] = [
  ['502 and HTML', () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
  ['nothing', () => new Response(null, { status: 204 })],
]
const answerWith = (reply: () => Response) => vi.spyOn(globalThis, 'fetch').mockImplementation(async () => reply())
const withoutExtensions = { data: null, errors: [{ message: 'no' }] }

describe('react-native.mjs with the LINE SDK', () => {
  const start = (refresh = async () => void events.push('refreshed')) =>
    createSdkClient({ url: url(), sdk: { readAccessToken: async () => tokens?.accessToken, refresh }, login, wait })

  it('an expired token: the SDK refreshes once for 20 queries, and all get their answer', async () => {
    expire()
    const client = start(async () => {
      events.push('refreshed')
      tokens = issue()
    })
    expect(await askInParallel(client, 20)).toEqual(Array(20).fill(answered))
    expect({ events, calls: gateway().emulator.calls.of('token') }).toEqual({ events: ['refreshed'], calls: 0 })
  })

  it('a revoked token: to the login once', async () => {
    gateway().emulator.revokeAccessToken(tokens?.accessToken ?? '')
    for (const answer of await askInParallel(start())) expect(answer).toMatchObject(refused('REVOKED'))
    expect(events).toEqual(['login'])
  })

  it('a token of a channel that the gateway does not have: no login, because it would not help', async () => {
    tokens = gateway().issue({ channelId: '1000000009' })
    expect(await start().ask(query)).toMatchObject(refused('WRONG_CHANNEL'))
    expect(events).toEqual([])
  })

  it('a token that is refused after the refresh too: to the login, no loop', async () => {
    expire()
    expect(await start().ask(query)).toMatchObject(refused('EXPIRED'))
    expect(events).toEqual(['refreshed', 'login'])
  })

  it.each(badAnswers)('a proxy answers %s: rejects, and no login', async (_, reply) => {
    answerWith(reply)
    await expect(start().ask(query)).rejects.toThrow('No answer of the gateway')
    answerWith(() => Response.json(withoutExtensions))
    expect(await start().ask(query)).toEqual(withoutExtensions)
    expect(events).toEqual([])
  })

  it('LINE is down: waits, then answers', async () => {
    gateway().emulator.faults.set('*', { status: 503 })
    expect(await start().ask(query)).toEqual(answered)
    expect(events).toEqual(['waited'])
  })
})

describe('react-native.mjs without the SDK', () => {
  const redirectUri = 'com.example.app://line'
  const start = () =>
    createNativeClient({
      url: url(),
      channelId: native.id,
      redirectUri,
      store: {
        read: async () => tokens,
        save: async (given: Tokens | undefined) => {
          tokens = given
        },
      },
      login,
      wait,
    })

  /** The user logs in in the browser, and LINE opens the app with this link. */
  function linkOf({ authorizationUrl, state }: Login): string {
    const asked = new URL(authorizationUrl).searchParams
    const code = gateway().emulator.issueCode({
      channelId: native.id,
      redirectUri: asked.get('redirect_uri') ?? '',
      codeChallenge: asked.get('code_challenge') ?? '',
      nonce: asked.get('nonce') ?? '',
    })
    return `${redirectUri}?${new URLSearchParams({ code, state })}`
  }

  it('logs in with a link of its own, asks, and refreshes once for 20 queries', async () => {
    tokens = undefined
    const client = start()
    const login = await client.startLogin()
    expect(new URL(login.authorizationUrl).searchParams.get('redirect_uri')).toBe(redirectUri)
    expect(await client.finishLogin(login, linkOf(login))).toMatchObject({ displayName: 'Sakura Tanaka' })
    expect(await client.ask(query)).toEqual(answered)
    gateway().emulator.calls.reset()
    gateway().advance(31 * 86_400_000)
    expect(await askInParallel(client, 20)).toEqual(Array(20).fill(answered))
    expect(gateway().emulator.calls.of('token')).toBe(1)
  })

  it.each([
    ['the state of another login', '?code=a&state=b', 'STATE'],
    ['a user who says no', '?error=ACCESS_DENIED', 'ACCESS_DENIED'],
    ['a code that LINE does not know', '?code=abc', 'INVALID_GRANT'],
  ])('%s: rejects with the code, and keeps no tokens', async (_, search, code) => {
    tokens = undefined
    const client = start()
    const login = await client.startLogin()
    const link = `${redirectUri}${search}${search.includes('state') ? '' : `&state=${login.state}`}`
    await expect(client.finishLogin(login, link)).rejects.toThrow(code)
    expect(tokens).toBeUndefined()
  })

  it.each(badAnswers)('a proxy answers %s: rejects, and the user stays logged in', async (_, reply) => {
    answerWith(reply)
    await expect(start().ask(query)).rejects.toThrow('No answer of the gateway')
    await expect(start().startLogin()).rejects.toThrow('No answer of the gateway')
    answerWith(() => Response.json(withoutExtensions))
    await expect(start().startLogin()).rejects.toThrow('UNKNOWN')
    expect({ events, isLoggedIn: tokens !== undefined }).toEqual({ events: [], isLoggedIn: true })
  })

  it('LINE refuses the refresh token: to the login once', async () => {
    gateway().emulator.unlink(gateway().emulator.users[0]?.userId ?? '', native.id)
    expire()
    await askInParallel(start())
    expect(events).toEqual(['login'])
    expect(tokens).toBeUndefined()
  })

  it('LINE is down during the refresh: waits, and the user stays logged in', async () => {
    gateway().advance(31 * 86_400_000)
    gateway().emulator.faults.set('token', { status: 503 })
    expect(await start().ask(query)).toEqual(answered)
    expect(events).toEqual(['waited'])
  })
})
