import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeInChromium } from '../harness/chromium.ts'
import { liff, ourChannels, useSharedGateway } from '../harness/running-gateway.ts'

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

const gateway = useSharedGateway({ ...ourChannels, NODE_ENV: 'development' }, { startsAt: Date.now() })
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
function issue() {
  const { accessToken, idToken } = gateway().issue({ channelId: liff.id, es256: true })
  return { accessToken, idToken }
}

const anHour = 3_600_000

describeInChromium('a page of another origin', (openPage) => {
  /** A page whose waits move the clocks of LINE and of the gateway. `waits` has them in ms. */
  async function openApp(whileWaiting: () => void = () => undefined) {
    const { page, errors } = await openPage()
    const waits: number[] = []
    await page.exposeFunction('wait', (ms: number) => {
      waits.push(ms)
      whileWaiting()
      gateway().advance(ms)
    })
    await page.addInitScript(`globalThis.gatewayUrl = '${gateway().url}/graphql'`)
    return { page, errors, waits }
  }
  const callsOf = (page: Page) => page.evaluate(() => sessionStorage.getItem('liff-calls') ?? '')
  const forgetCalls = (page: Page) => page.evaluate(() => sessionStorage.clear())
  const nameOn = (page: Page) => page.getByText('Sakura Tanaka').waitFor()

  it('liff-page.mjs: logs in, meets an old ID token, logs in again once, and never loops', async () => {
    const { page, errors } = await openApp()
    tokens = issue
    await page.goto(appUrl)
    await nameOn(page)
    expect(await callsOf(page)).toBe('login')

    await forgetCalls(page)
    gateway().advance(anHour)
    await page.reload()
    await nameOn(page)
    expect(await callsOf(page)).toBe('logout login')

    await forgetCalls(page)
    const old = issue()
    gateway().advance(anHour)
    tokens = () => old
    await page.reload()
    await page.getByText('LINE gave this page an old login').waitFor()
    expect(await callsOf(page)).toBe('logout login')
    await page.reload()
    await page.getByText('LINE gave this page an old login').waitFor()
    expect(await callsOf(page)).toBe('logout login')

    tokens = issue
    await page.getByRole('button', { name: 'Log in' }).click()
    await nameOn(page)
    expect(await callsOf(page)).toBe('logout login logout login')
    expect(errors).toEqual([])
  })

  it('liff-page.mjs inside LINE: asks the user to close the window, and opened again it has the name', async () => {
    const { page, errors } = await openApp()
    tokens = issue
    await page.goto(`${appUrl}/?in-client`)
    await nameOn(page)
    gateway().advance(anHour)
    await page.reload()
    await page.getByText('Close this window, then open it again').waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    expect(await callsOf(page)).toBe('closeWindow')
    await page.evaluate(() => localStorage.clear())
    await page.reload()
    await nameOn(page)
    expect(errors).toEqual([])
  })

  it('liff-page.mjs while LINE is down, and without a network: says so, and logs nobody out', async () => {
    const { page, waits } = await openApp()
    gateway().emulator.rotateSigningKey()
    gateway().emulator.faults.set('certs', { status: 503 })
    tokens = issue
    await page.goto(`${appUrl}/?in-client`)
    await page.getByText('LINE is not available now. You stay logged in.').waitFor()
    expect(waits).toHaveLength(3)
    gateway().emulator.faults.clear()
    gateway().advance(60_000)
    await page.route(`${gateway().url}/**`, (route) => route.abort())
    await page.reload()
    await page.getByText('No network. You stay logged in.').waitFor()
    await page.unrouteAll()
    await page.reload()
    await nameOn(page)
    expect(await callsOf(page)).toBe('')
  })

  it('fetch.mjs: asks without settings of CORS, and reads Retry-After', async () => {
    const { page, errors, waits } = await openApp(() => gateway().emulator.faults.clear())
    const { accessToken } = gateway().issue()
    await page.addInitScript(`globalThis.tokens = { accessToken: '${accessToken}' }`)
    gateway().emulator.faults.set('*', { status: 503 })
    await page.goto(`${appUrl}/web`)
    await nameOn(page)
    expect(waits).toEqual([expect.any(Number)])
    expect(errors).toEqual([])
  })
})
