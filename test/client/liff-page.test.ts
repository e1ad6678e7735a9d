import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { describeInChromium } from '../harness/chromium.ts'
import { foreign, liff, ourChannels, useSharedGateway } from '../harness/running-gateway.ts'

/** The app of a front end: a page of another origin (a dev server on another port). It has the recipes and nothing else. */
const folder = join(import.meta.dirname, '..')
const script = (path: string) => ({ type: 'text/javascript', text: readFileSync(join(folder, path), 'utf8') })
const html = (text: string) => ({ type: 'text/html', text: `<!doctype html><title>An app</title>${text}` })

const files: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  '/': html(`<link rel="icon" href="data:,"><p id="name"></p><p id="words" role="status"></p><button id="action" hidden></button>
    <script src="liff-stand-in.js"></script><script type="module" src="page.js"></script>`),
  '/web': html(`<link rel="icon" href="data:,"><p id="name"></p><script type="module" src="web.js"></script>`),
  '/web.js': {
    type: 'text/javascript',
    text: `import { createClient } from './fetch.mjs'
      const session = { read: () => tokens }
      const { data } = await createClient({ url: gatewayUrl, session, wait }).ask('{ viewer { displayName } }')
      document.getElementById('name').textContent = data.viewer.displayName`,
  },
  '/liff-stand-in.js': script('harness/liff-stand-in.js'),
  '/liff-page.mjs': script('recipes/liff-page.mjs'),
  '/fetch.mjs': script('recipes/fetch.mjs'),
  '/page.js': {
    type: 'text/javascript',
    text: `import { createClient } from './liff-page.mjs'
      const [name, words, button] = ['name', 'words', 'action'].map((id) => document.getElementById(id))
      function say(text, action) {
        words.textContent = text
        button.hidden = action === undefined
        if (action) Object.assign(button, { textContent: action.label, onclick: action.run })
      }
      await liff.init({ liffId: '${liff.id}-AbCdEfGh' })
      const answer = await createClient({ url: gatewayUrl, liff, say, wait }).ask('{ viewer { displayName } }')
      if (answer) name.textContent = answer.data.viewer.displayName`,
  },
}

const settings = { ...ourChannels, NODE_ENV: 'development', FAILED_TOKENS_BURST: '3' }
const gateway = useSharedGateway(settings, { startsAt: Date.now() })
/** What LINE gives to the page at a login. */
let tokens = (): object => ({})
let app: Server
let appUrl: string

beforeAll(async () => {
  app = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://app')
    const back = searchParams.get('redirect_uri')
    if (back !== null) return void response.writeHead(302, { location: `${withCode(back)}` }).end()
    if (pathname === '/line/tokens') return void response.end(JSON.stringify(tokens()))
    const { type, text } = files[pathname] ?? html('Not found')
    response.writeHead(files[pathname] ? 200 : 404, { 'content-type': type }).end(text)
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
})
afterAll(() => {
  app.closeAllConnections()
  app.close()
})

function withCode(back: string): URL {
  const url = new URL(back)
  url.searchParams.set('code', 'a')
  return url
}

/** As LINE gives them to a LIFF app. The ID token ends after an hour. */
function issue(channelId = liff.id) {
  const { accessToken, idToken } = gateway().issue({ channelId, es256: true })
  return { accessToken, idToken }
}

const anHour = 3_600_000
const waits = ['waited', 'waited', 'waited']

describe('liff-page.mjs', () => {
  const name = '{ viewer { displayName } }'
  const answered = { data: { viewer: { displayName: 'Sakura Tanaka' } } }
  const events: string[] = []
  let action: Action | undefined
  let store = new Map<string, string>()

  beforeEach(() => {
    events.length = 0
    action = undefined
    store = new Map()
    vi.stubGlobal('sessionStorage', {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => store.set(key, value),
    })
    vi.stubGlobal('location', { href: 'https://app.example/' })
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
    // The circuit breaker closes, and the bucket of bad tokens is full again.
    gateway().advance(60_000)
  })

  type Action = { readonly label: string; run(): void }
  type Given = { readonly idToken?: string | undefined; readonly isLoggedIn?: boolean; readonly isInClient?: boolean }

  /** `events` has what the page did: calls of LIFF, waits, and the words that it said. */
  async function createClient({ idToken, isLoggedIn = true, isInClient = false }: Given) {
    const note = (call: string) => () => void events.push(call)
    const sdk = {
      isLoggedIn: () => isLoggedIn,
      isInClient: () => isInClient,
      getIDToken: () => idToken ?? null,
      login: note('login'),
      logout: note('logout'),
      closeWindow: note('closeWindow'),
    }
    const say = (words: string, given?: Action) => {
      events.push(words)
      action = given
    }
    const { createClient } = await import(join(folder, 'recipes/liff-page.mjs'))
    return createClient({
      url: `${gateway().url}/graphql`,
      liff: sdk,
      say,
      wait: async () => void events.push('waited'),
    })
  }
  const ask = async (given: Given, ...asked: unknown[]) => (await createClient(given)).ask(...asked)

  it('an ID token of another channel: says so, and does not log in again', async () => {
    expect(await ask(issue(foreign.id), name)).toBeUndefined()
    expect(events).toEqual(['This app is not known to the service.'])
  })

  it('an app without the scope openid: says so, and asks nothing', async () => {
    expect(await ask({}, name)).toBeUndefined()
    expect(events).toEqual(['This app needs the scope openid.'])
  })

  it('nobody is logged in: logs in', async () => {
    await ask({ isLoggedIn: false }, name)
    expect(events).toEqual(['login'])
  })

  it.each([
    ['no token at all', '[object Object]', name, ''],
    ['an ID token for logout', undefined, 'mutation { logout { revoked } }', 'This needs the access token'],
    [
      'an ID token for deauthorize',
      undefined,
      'mutation { deauthorize { deauthorized } }',
      'This needs the access token',
    ],
  ])('%s: rejects, because the page is wrong, and logs nobody out', async (_, wrong, query, words) => {
    await expect(ask({ idToken: wrong ?? issue().idToken }, query)).rejects.toThrow(words)
    expect(events).toEqual([])
  })

  it('the access token for what needs it: answers', async () => {
    const { accessToken, idToken } = issue()
    const client = await createClient({ idToken })
    const friend = '{ viewer { displayName isFriend } }'
    const viewer = { ...answered.data.viewer, isFriend: expect.any(Boolean) }
    expect(await client.ask(friend, {}, accessToken)).toEqual({ data: { viewer } })
    expect(await client.ask('mutation { logout { revoked } }', {}, accessToken)).toMatchObject({
      data: { logout: { revoked: true } },
    })
  })

  it('an expired ID token inside LINE: asks the user to close the window', async () => {
    const { idToken } = issue()
    gateway().advance(anHour)
    expect(await ask({ idToken, isInClient: true }, name)).toBeUndefined()
    expect(events).toEqual(['Your login has ended. Close this window, then open it again.'])
    action?.run()
    expect(events.at(-1)).toBe('closeWindow')
  })

  it('LINE is down: waits, then says so, and logs nobody out', async () => {
    gateway().emulator.rotateSigningKey()
    gateway().emulator.faults.set('certs', { status: 503 })
    expect(await ask(issue(), name)).toBeUndefined()
    expect(events).toEqual([...waits, 'LINE is not available now. You stay logged in. Try again later.'])
  })

  it('LINE is down for a part of the answer: gives the other part', async () => {
    const { accessToken, idToken } = issue()
    gateway().emulator.faults.set('friendship', { status: 503 })
    const answer = await ask({ idToken }, '{ viewer { displayName isFriend } }', {}, accessToken)
    expect(answer).toMatchObject({ data: { viewer: { displayName: 'Sakura Tanaka', isFriend: null } } })
    expect(events).toEqual(waits)
  })

  it('too many bad tokens came from this address: says so, and logs nobody out', async () => {
    const junk = () => gateway().ask(name, { token: gateway().issue({ channelId: foreign.id }).accessToken })
    for (let n = 0; n < 4; n += 1) await junk()
    const { accessToken, idToken } = issue()
    expect(await ask({ idToken }, name, {}, accessToken)).toBeUndefined()
    expect(events).toEqual([...waits, 'There were too many requests. You stay logged in. Try again later.'])
  })

  it.each([
    ['no network', () => Promise.reject(new TypeError('fetch failed'))],
    ['a proxy that answers with HTML', async () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['a proxy that answers with nothing', async () => new Response(null, { status: 204 })],
  ])('%s: says so, and logs nobody out', async (_, reply) => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(reply)
    expect(await ask(issue(), name)).toBeUndefined()
    expect(events).toEqual(['No network. You stay logged in. Try again when you are online.'])
  })

  it('an error without extensions: is the answer', async () => {
    const errors = [{ message: 'no' }]
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({ data: null, errors }))
    expect(await ask(issue(), name)).toMatchObject({ errors })
    expect(events).toEqual([])
  })
})

describeInChromium('a page of another origin', (openPage) => {
  const callsOf = (page: Page) => page.evaluate(() => sessionStorage.getItem('liff-calls') ?? '')
  const forgetCalls = (page: Page) => page.evaluate(() => sessionStorage.clear())
  const nameOn = (page: Page) => page.getByText('Sakura Tanaka').waitFor()

  it('liff-page.mjs: logs in, meets an old ID token, logs in again once, and never loops; fetch.mjs: needs no CORS', async () => {
    const { page, errors } = await openPage()
    const waits: number[] = []
    await page.exposeFunction('wait', (ms: number) => {
      waits.push(ms)
      gateway().emulator.faults.clear()
      gateway().advance(ms)
    })
    await page.addInitScript(`globalThis.gatewayUrl = '${gateway().url}/graphql'`)
    tokens = issue
    await page.goto(appUrl)
    await nameOn(page)
    expect(await callsOf(page)).toBe('login')

    await forgetCalls(page)
    const old = issue()
    gateway().advance(anHour)
    tokens = () => old
    await page.reload()
    await page.getByText('LINE gave this page an old login').waitFor()
    expect(await callsOf(page)).toBe('logout login')

    tokens = issue
    await page.getByRole('button', { name: 'Log in' }).click()
    await nameOn(page)
    expect(await callsOf(page)).toBe('logout login logout login')

    // A page with fetch.mjs, without settings of CORS, reads Retry-After.
    await page.addInitScript(`globalThis.tokens = { accessToken: '${gateway().issue().accessToken}' }`)
    gateway().emulator.faults.set('*', { status: 503 })
    await page.goto(`${appUrl}/web`)
    await nameOn(page)
    expect(waits).toEqual([expect.any(Number)])
    expect(errors).toEqual([])
  })
})
