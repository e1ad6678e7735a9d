import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { demoUsers, type User } from '../../src/emulator/emulator.ts'
import { type CallbackRequest, type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium } from '../harness/chromium.ts'
import { isInFull, itInFull } from '../harness/in-full.ts'

type Login = {
  readonly authorizationUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}
type Exchanged = {
  readonly exchangeLogin: {
    readonly tokens: { readonly accessToken: string; readonly scopes: readonly string[] }
    readonly viewer: Partial<User> & { readonly id: string }
    readonly idTokenClaims: { readonly sub: string; readonly nonce: string; readonly name: string }
  }
}

const userWithMarkup: User = { userId: `U${'5'.repeat(32)}`, displayName: '<b>Bob</b> & "Co" <script>throw 1</script>' }

const users: [string, User | undefined][] = [
  ['with a Japanese name', demoUsers[1]],
  ['with emoji in the name', demoUsers[2]],
  ['with an Arabic name', demoUsers[3]],
  ['without picture and status', demoUsers[4]],
  ['with markup in the name', userWithMarkup],
]

let system: System

describeInChromium('a login', (openPage) => {
  beforeEach(async () => {
    system = await startSystem({ users: [...demoUsers, userWithMarkup] })
  })
  afterEach(() => system.close())

  itInFull('with consent: the app gets the user, the ID token and an access token', async () => {
    const login = await start()
    const { page, errors } = await openPage()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
    await page.getByRole('heading', { name: 'Allow access?' }).waitFor()
    await page.getByRole('button', { name: 'Allow' }).click()

    const { method, parameters } = await callbackRequest(page)
    expect(method).toBe('GET')
    expect(parameters.get('state')).toBe(login.state)
    const { tokens, viewer, idTokenClaims } = await exchange(parameters, login)
    expect(viewer).toMatchObject({ id: demoUsers[0]?.userId, displayName: 'Sakura Tanaka' })
    expect(idTokenClaims).toEqual({ sub: viewer.id, nonce: login.nonce, name: 'Sakura Tanaka' })
    expect(await viewerOf(tokens.accessToken)).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
    expect(errors).toEqual([])
  })

  itInFull('a second time: not asked for consent', async () => {
    const { page } = await openPage()
    await logIn(page, await start(), 'Tom')
    await page.goto((await start()).authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    expect(system.callbackRequests).toHaveLength(2)
    expect(system.callbackRequests[1]?.parameters.get('code')).toBeTruthy()
  })

  itInFull('without consent: ACCESS_DENIED and no code', async () => {
    const login = await start()
    const { page } = await openPage()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(Object.fromEntries((await callbackRequest(page)).parameters)).toEqual({
      error: 'ACCESS_DENIED',
      error_description: 'The resource owner denied the request.',
      state: login.state,
    })
  })

  itInFull('without the e-mail checkbox: no scope `email`', async () => {
    const login = await start({ scopes: ['profile', 'openid', 'email'] })
    const { page } = await openPage()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
    await page.getByLabel('Your e-mail address').uncheck()
    await page.getByRole('button', { name: 'Allow' }).click()
    const { tokens } = await exchange((await callbackRequest(page)).parameters, login)
    expect([...tokens.scopes].sort()).toEqual(['openid', 'profile'])
  })

  it.runIf(isInFull).each(users)('of a user %s: viewer and ID token have exactly these values', async (_, user) => {
    const { displayName = '', userId, statusMessage = null } = user ?? {}
    const { pictureUrl = null } = system.emulator.users.find((known) => known.userId === userId) ?? {}
    const login = await start()
    const { page, errors } = await openPage()
    const { viewer, idTokenClaims } = await exchange((await logIn(page, login, displayName)).parameters, login)
    expect(viewer).toEqual({ id: userId, displayName, pictureUrl, statusMessage })
    expect(idTokenClaims.name).toBe(displayName)
    expect(errors).toEqual([])
  })

  itInFull('with FORM_POST: a script sends the form to the app', async () => {
    const login = await start({ responseMode: 'FORM_POST' })
    const { page, errors } = await openPage()
    const { method, search, parameters } = await logIn(page, login, 'Tom')
    expect({ method, search }).toEqual({ method: 'POST', search: '' })
    expect(parameters.get('state')).toBe(login.state)
    expect((await exchange(parameters, login)).viewer.displayName).toBe('Tom')
    expect(errors).toEqual([])
  })

  itInFull('with FORM_POST and without scripts: a button sends the form to the app', async () => {
    const login = await start({ responseMode: 'FORM_POST' })
    const { page } = await openPage({ javaScriptEnabled: false })
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    const { method, parameters } = await callbackRequest(page)
    expect(method).toBe('POST')
    expect((await exchange(parameters, login)).viewer.displayName).toBe('Tom')
  })

  itInFull("from the emulator's home page: that page shows the result, with markup escaped", async () => {
    const { page, errors } = await openPage()
    await page.goto(system.emulator.url)
    await page.getByRole('link', { name: 'Log in as a demo user' }).click()
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('heading', { name: 'Result of the login' }).waitFor()
    const code = new URL(page.url()).searchParams.get('code')
    expect(await page.getByRole('row', { name: `code ${code}` }).isVisible()).toBe(true)
    await page.goto(`${system.emulator.url}/?${new URLSearchParams({ error: '<b>no</b>' })}`)
    await page.getByText('<b>no</b>').waitFor()
    expect(errors).toEqual([])
  })
})

async function start(input: object = {}): Promise<Login> {
  const { data } = await system.ask<{ startLogin: Login }>(
    'mutation ($input: StartLoginInput!) { startLogin(input: $input) { authorizationUrl state nonce codeVerifier } }',
    { input: { redirectUri: system.redirectUri, ...input } },
  )
  return data.startLogin
}

/** Logs in in the browser and consents. */
async function logIn(page: Page, { authorizationUrl }: Login, name: string): Promise<CallbackRequest> {
  await page.goto(authorizationUrl)
  await page.getByRole('button', { name: `Log in as ${name}` }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  return callbackRequest(page)
}

async function callbackRequest(page: Page): Promise<CallbackRequest> {
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  const [first, second] = system.callbackRequests
  if (first === undefined || second !== undefined) throw new Error('expected exactly one request to the callback')
  return first
}

async function exchange(
  parameters: URLSearchParams,
  { codeVerifier, nonce }: Login,
): Promise<Exchanged['exchangeLogin']> {
  const { data, errors } = await system.ask<Exchanged>(
    `mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) {
      tokens { accessToken scopes } viewer { id displayName pictureUrl statusMessage } idTokenClaims { sub nonce name }
    } }`,
    { input: { code: parameters.get('code'), redirectUri: system.redirectUri, codeVerifier, nonce } },
  )
  expect(errors).toBeUndefined()
  return data.exchangeLogin
}

async function viewerOf(accessToken: string): Promise<unknown> {
  return (await system.ask('{ viewer { displayName } }', {}, accessToken)).data
}
