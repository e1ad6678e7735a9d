import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { request } from 'undici'
import { expect, it } from 'vitest'
import { demoChannels } from '../../src/emulator/emulator.ts'
import { version } from '../../src/version.ts'
import { expectKnownLines } from '../harness/log-lines.ts'
import { type Program, usePrograms } from '../harness/programs.ts'

const programs = usePrograms()
const start = (settings: NodeJS.ProcessEnv = {}) =>
  programs.start('npm', ['run', 'dev'], { PORT: '0', EMULATOR_PORT: '0', LINE_TIMEOUT_MS: '60000', ...settings })

/** Reads the values that the command prints. */
async function readScreen(program: Program) {
  return {
    graphiql: await program.printed(/GraphiQL +(http:\S+)/),
    accessToken: await program.printed(/Access token +(\S+)/),
    refreshToken: await program.printed(/Refresh token +(\S+)/),
    loginPage: await program.printed(/Login page +(http:\S+)/),
    demoPage: await program.printed(/Demo page +(http:\S+)/),
    emulatorPage: await program.printed(/LINE emulator +(http:\S+)/),
    expiring: await program.printed(/(curl \S+ -X POST \S+ -d .+)/),
    curl: await program.printed(/(curl [\s\S]+?\n)\n/),
  }
}

async function post(url: string, body: object | string, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  })
  return response.json()
}

/** The environment of a developer who uses the real LINE in production. `npm run dev` must ignore it. */
const real = {
  LINE_CHANNEL_ID: '1',
  LINE_CHANNEL_SECRET: 'x',
  LINE_CHANNELS: 'no JSON',
  LINE_API_URL: 'https://api.line.me',
  LINE_REDIRECT_URIS: 'https://app.example/callback',
  HOST: '0.0.0.0',
  HTTPS_PROXY: 'socks5://proxy.example',
  https_proxy: 'http://127.0.0.1:1',
  TRUSTED_PROXY: '10.0.0.1',
  WORKERS: '2',
  LOG_LEVEL: 'info',
  NODE_ENV: 'production',
}

it('the printed values work, with pages for this machine only (D18, D21); SIGINT twice, as Ctrl+C: exit code 0', async () => {
  const program = start(real)
  const screen = await readScreen(program)
  const { graphiql, accessToken, refreshToken, loginPage, curl } = screen
  expect(program.out().trim()).toMatch(`LINE GraphQL Gateway ${version} with`)

  const [, address = '', headers = '', data = ''] =
    /curl -s (\S+)((?:[\s\S]*?-H '[^']+')+)[\s\S]*-d '([^']+)'/.exec(curl) ?? []
  const given = Object.fromEntries(
    [...headers.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name, value]) => [name, value]),
  )
  expect(given.authorization).toBe(`Bearer ${accessToken}`)
  expect(await post(address, data, given)).toEqual({ data: { viewer: { displayName: 'Sakura Tanaka' } } })

  const refresh = 'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken } }'
  const refreshed = await post(graphiql, { query: refresh, variables: { input: { refreshToken } } })
  expect(refreshed).toEqual({ data: { refreshToken: { accessToken: expect.stringMatching(/^eyJ/) } } })

  const callback = await logInByHand(loginPage)
  // The callback page knows it, and nobody can guess it.
  const state = callback.searchParams.get('state') ?? ''
  expect(state).toMatch(/^[\da-f-]{36}$/)
  const landing = await fetch(callback)
  expect(await landing.text()).toContain(`content="${state}"`)
  expect([landing.status, landing.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const exchange =
    'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken } viewer { displayName } idTokenClaims { name } } }'
  const input = { code: callback.searchParams.get('code'), redirectUri: callback.origin + callback.pathname }
  expect(await post(graphiql, { query: exchange, variables: { input } })).toMatchObject({
    data: {
      exchangeLogin: {
        tokens: { accessToken: expect.any(String) },
        viewer: { displayName: 'Tom' },
        idTokenClaims: { name: 'Tom' },
      },
    },
  })

  for (const address of [screen.demoPage, screen.emulatorPage]) expect((await fetch(address)).status).toBe(200)
  await expectExpiry(screen.expiring, graphiql)
  await expectAllChannels(screen.emulatorPage, graphiql)
  await expectOneClock(screen.emulatorPage, graphiql, loginPage)

  const page = await fetch(graphiql, { headers: { accept: 'text/html' } })
  expect(page.status).toBe(200)
  const html = await page.text()
  for (const sample of [accessToken, refreshToken, 'viewer']) expect(html).toContain(sample)

  await expectOnlyThisMachine([graphiql, loginPage])
  for (const page of [graphiql, loginPage]) {
    const { status, text } = await getAs('evil.example', page)
    expect([status, text.includes(accessToken)], page).toEqual([421, false])
  }
  expect(program.out()).toMatch(/"level":40.*HOST: is ignored/)
  expect(program.out().match(/WORKERS: is ignored/g)).toHaveLength(1)
  expect(program.out().match(/LINE_CHANNELS: cannot be read/g)).toHaveLength(1)
  expect(program.out()).toMatch(/"level":40.*TRUSTED_PROXY: is not a setting/)
  expectKnownLines(program.out(), 'listening')

  program.kill('SIGINT')
  expect(await program.ended).toBe(0)
  expect(program.err()).toBe('')
  await expect(fetch(graphiql)).rejects.toThrow()
  await expect(fetch(loginPage)).rejects.toThrow()
}, 180_000)

/** Runs the printed `curl`, and asks with its token until that has expired. */
async function expectExpiry(curl: string, graphiql: string): Promise<void> {
  const [, address = '', body = ''] = /-X POST (\S+) -d '(.+)'$/.exec(curl) ?? []
  const { accessToken, expiresIn } = await post(address, body)
  expect(expiresIn).toBe(2)
  const ask = () => post(graphiql, { query: '{ viewer { id } }' }, { authorization: `Bearer ${accessToken}` })
  const expired = { errors: [{ extensions: { code: 'UNAUTHENTICATED', reason: 'EXPIRED' } }] }
  await expect.poll(ask, { timeout: 30_000 }).toMatchObject(expired)
}

/** The developer's own channel, the demo channels of web, native and LIFF, and the three of a MINI App. */
async function expectAllChannels(emulatorPage: string, graphiql: string): Promise<void> {
  for (const channelId of ['1', ...demoChannels.map(({ id }) => id)]) {
    const { accessToken } = await post(`${emulatorPage}emulator/tokens`, { channelId })
    const query = '{ viewer { accessToken { channelId } } }'
    const answer = await post(graphiql, { query }, { authorization: `Bearer ${accessToken}` })
    expect(answer).toEqual({ data: { viewer: { accessToken: { channelId } } } })
  }
}

/** When the clock of LINE is moved, time passes for the gateway too: a token ends, and a new login works. */
async function expectOneClock(emulatorPage: string, graphiql: string, loginPage: string): Promise<void> {
  const { accessToken } = await post(`${emulatorPage}emulator/tokens`, {})
  const ask = (token: string) => post(graphiql, { query: '{ viewer { id } }' }, { authorization: `Bearer ${token}` })
  expect(await ask(accessToken)).toEqual({ data: { viewer: { id: expect.any(String) } } })
  await fetch(`${emulatorPage}emulator/clock`, { method: 'POST', body: '{"advanceMs":2678400000}' })
  expect(await ask(accessToken)).toMatchObject({ errors: [{ extensions: { reason: 'EXPIRED' } }] })
  const { origin, pathname, searchParams } = await logInByHand(loginPage)
  const query = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { idTokenClaims { name } } }'
  const input = { code: searchParams.get('code'), redirectUri: origin + pathname }
  const answer = await post(graphiql, { query, variables: { input } })
  expect(answer).toEqual({ data: { exchangeLogin: { idTokenClaims: { name: 'Tom' } } } })
}

/** Asks as a browser does whose page has pointed its own name to this machine (DNS rebinding). */
async function getAs(host: string, url: string): Promise<{ readonly status: number; readonly text: string }> {
  const { statusCode, body } = await request(url, { headers: { host, accept: 'text/html' } })
  return { status: statusCode, text: await body.text() }
}

it.each(['PORT', 'EMULATOR_PORT'])('%s in use: exit code 1, and the port is named', async (name) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const port = String(Object(other.address()).port)
  const program = programs.start(process.execPath, ['src/dev/main.ts'], {
    PORT: '0',
    EMULATOR_PORT: '0',
    [name]: port,
  })
  expect(await program.ended).toBe(1)
  expect(program.err()).toBe(
    `Port ${port} is in use by another program: set PORT or EMULATOR_PORT to another one (0: any free port)\n`,
  )
  other.close()
})

/** Both listen on 127.0.0.1 only. Without a network the machine has no other address, and there is nothing to check. */
async function expectOnlyThisMachine(urls: readonly string[]): Promise<void> {
  const addresses = Object.values(networkInterfaces()).flatMap((some = []) => some)
  const outside = addresses.filter(({ internal, family }) => !internal && family === 'IPv4')
  for (const { port } of urls.map((url) => new URL(url))) {
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBeLessThan(500)
    for (const { address } of outside) await expect(fetch(`http://${address}:${port}/`)).rejects.toThrow()
  }
}

/** Does the steps of a browser: the login page, the button of a user, the consent, the redirect. */
async function logInByHand(loginPage: string): Promise<URL> {
  const users = await form(await fetch(loginPage))
  const tom = /value="(U0000[^"]+)"/.exec(users.html)?.[1] ?? ''
  const consent = await form(await submit(users.action, { user: tom }))
  const back = await submit(consent.action, { user: tom, decision: 'allow' })
  return new URL(back.headers.get('location') ?? '')
}

async function form(page: Response): Promise<{ readonly html: string; readonly action: string }> {
  const html = await page.text()
  const action = /<form method="post" action="([^"]+)"/.exec(html)?.[1] ?? ''
  return { html, action: new URL(action.replaceAll('&amp;', '&'), page.url).href }
}

function submit(action: string, fields: Record<string, string>): Promise<Response> {
  return fetch(action, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })
}
