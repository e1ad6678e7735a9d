import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { demoUsers, type User } from '../../src/emulator/emulator.ts'
import { type Arrival, type Stage, startStage } from '../harness/browser-stage.ts'
import { describeInChromium } from '../harness/chromium.ts'

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

const tricky: User = { userId: `U${'5'.repeat(32)}`, displayName: '<b>Bob</b> & "Co" <script>throw 1</script>' }

let stage: Stage

describeInChromium('a login', (visit) => {
  beforeEach(async () => {
    stage = await startStage({ users: [...demoUsers, tricky] })
  })
  afterEach(() => stage.close())

  it('ends with the app knowing who came back', async () => {
    const login = await start()
    const { page, complaints } = await visit()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
    await page.getByRole('heading', { name: 'Allow access?' }).waitFor()
    await page.getByRole('button', { name: 'Allow' }).click()

    const { method, came } = await arrival(page)
    expect(method).toBe('GET')
    expect(came.get('state')).toBe(login.state)
    const { tokens, viewer, idTokenClaims } = await exchange(came, login)
    expect(viewer).toMatchObject({ id: demoUsers[0]?.userId, displayName: 'Sakura Tanaka' })
    expect(idTokenClaims).toEqual({ sub: viewer.id, nonce: login.nonce, name: 'Sakura Tanaka' })
    expect(await whoHas(tokens.accessToken)).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
    expect(complaints).toEqual([])
  })

  it('asks for consent once', async () => {
    const { page } = await visit()
    await logIn(page, await start(), 'Tom')
    await page.goto((await start()).authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    expect(stage.arrivals).toHaveLength(2)
    expect(stage.arrivals[1]?.came.get('code')).toBeTruthy()
  })

  it('that the user denies comes back without a code', async () => {
    const login = await start()
    const { page } = await visit()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(Object.fromEntries((await arrival(page)).came)).toEqual({
      error: 'ACCESS_DENIED',
      error_description: 'The resource owner denied the request.',
      state: login.state,
    })
  })

  it('grants what the user ticked and no more', async () => {
    const login = await start({ scopes: ['profile', 'openid', 'email'] })
    const { page } = await visit()
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
    await page.getByLabel('Your e-mail address').uncheck()
    await page.getByRole('button', { name: 'Allow' }).click()
    const { tokens } = await exchange((await arrival(page)).came, login)
    expect([...tokens.scopes].sort()).toEqual(['openid', 'profile'])
  })

  it.each([
    ['in Japanese', demoUsers[1]],
    ['of emoji', demoUsers[2]],
    ['written from the right', demoUsers[3]],
    ['without picture and status', demoUsers[4]],
    ['full of markup', tricky],
  ])('of a user with a name %s', async (_, user) => {
    const { displayName = '', userId, pictureUrl = null, statusMessage = null } = user ?? {}
    const login = await start()
    const { page, complaints } = await visit()
    const { viewer, idTokenClaims } = await exchange((await logIn(page, login, displayName)).came, login)
    expect(viewer).toEqual({ id: userId, displayName, pictureUrl, statusMessage })
    expect(idTokenClaims.name).toBe(displayName)
    expect(complaints).toEqual([])
  })

  it('comes back as a form that sends itself, where the app wants that', async () => {
    const login = await start({ responseMode: 'FORM_POST' })
    const { page, complaints } = await visit()
    const { method, search, came } = await logIn(page, login, 'Tom')
    expect({ method, search }).toEqual({ method: 'POST', search: '' })
    expect(came.get('state')).toBe(login.state)
    expect((await exchange(came, login)).viewer.displayName).toBe('Tom')
    expect(complaints).toEqual([])
  })

  it('needs no script: a button sends the form', async () => {
    const login = await start({ responseMode: 'FORM_POST' })
    const { page } = await visit({ javaScriptEnabled: false })
    await page.goto(login.authorizationUrl)
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    const { method, came } = await arrival(page)
    expect(method).toBe('POST')
    expect((await exchange(came, login)).viewer.displayName).toBe('Tom')
  })

  it("begun on the emulator's own page comes back there, and is shown", async () => {
    const { page, complaints } = await visit()
    await page.goto(stage.emulator.url)
    await page.getByRole('link', { name: 'Log in as a demo user' }).click()
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('heading', { name: 'Back from the login' }).waitFor()
    const code = new URL(page.url()).searchParams.get('code')
    expect(await page.getByRole('row', { name: `code ${code}` }).isVisible()).toBe(true)
    await page.goto(`${stage.emulator.url}/?${new URLSearchParams({ error: '<b>no</b>' })}`)
    await page.getByText('<b>no</b>').waitFor()
    expect(complaints).toEqual([])
  })

  describe('of the demo comes back to a page that', () => {
    it('exchanges the code at the press of a button', async () => {
      const { page, complaints } = await visit()
      await page.goto(demoLogin())
      await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.getByText('LINE sent a code, and the state "demo".').waitFor()
      await page.getByRole('button', { name: 'Exchange the code' }).click()
      const { data } = await answerOn(page)
      expect(data.exchangeLogin.viewer.displayName).toBe('Sakura Tanaka')
      expect(await whoHas(data.exchangeLogin.tokens.accessToken)).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
      expect(complaints).toEqual([])
    })

    it('takes what else startLogin gave', async () => {
      const login = await start({ redirectUri: stage.devCallback })
      const { page } = await visit()
      await page.goto(login.authorizationUrl)
      await page.getByRole('button', { name: 'Log in as Sakura Tanaka' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.getByLabel('Code verifier').fill(login.codeVerifier)
      await page.getByLabel('Nonce').fill(login.nonce)
      const { input } = JSON.parse((await page.locator('#variables').textContent()) ?? '')
      expect(input).toEqual({
        code: new URL(page.url()).searchParams.get('code'),
        redirectUri: stage.devCallback,
        codeVerifier: login.codeVerifier,
        nonce: login.nonce,
      })
      await page.getByRole('button', { name: 'Exchange the code' }).click()
      expect((await answerOn(page)).data.exchangeLogin.idTokenClaims.name).toBe('Sakura Tanaka')
    })

    it('says why there is no code, and where to begin again', async () => {
      const { page } = await visit()
      await page.goto(demoLogin())
      await page.getByRole('button', { name: 'Log in as Tom' }).click()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByText('No login: ACCESS_DENIED. The resource owner denied the request.').waitFor()
      expect(await page.getByRole('button').count()).toBe(0)
      expect(await page.getByRole('link', { name: 'GraphiQL' }).isVisible()).toBe(true)
    })

    it('shows whatever it is sent as text', async () => {
      const { page, complaints } = await visit()
      const markup = '<img src=x onerror="throw 1">'
      await page.goto(`${stage.devCallback}?${new URLSearchParams({ code: markup, state: markup })}`)
      await page.getByText(`the state "${markup}"`).waitFor()
      await page.goto(`${stage.devCallback}?${new URLSearchParams({ error: markup, error_description: markup })}`)
      await page.getByText(`No login: ${markup}. ${markup}`).waitFor()
      expect(complaints).toEqual([])
    })
  })
})

async function start(input: object = {}): Promise<Login> {
  const { data } = await stage.ask<{ startLogin: Login }>(
    'mutation ($input: StartLoginInput!) { startLogin(input: $input) { authorizationUrl state nonce codeVerifier } }',
    { input: { redirectUri: stage.redirectUri, ...input } },
  )
  return data.startLogin
}

/** The whole way of a user who agrees. */
async function logIn(page: Page, { authorizationUrl }: Login, name: string): Promise<Arrival> {
  await page.goto(authorizationUrl)
  await page.getByRole('button', { name: `Log in as ${name}` }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
  return arrival(page)
}

async function arrival(page: Page): Promise<Arrival> {
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  const [first, second] = stage.arrivals
  if (first === undefined || second !== undefined) throw new Error('expected the browser at the callback, once')
  return first
}

async function exchange(came: URLSearchParams, { codeVerifier, nonce }: Login): Promise<Exchanged['exchangeLogin']> {
  const { data, errors } = await stage.ask<Exchanged>(
    `mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) {
      tokens { accessToken scopes } viewer { id displayName pictureUrl statusMessage } idTokenClaims { sub nonce name }
    } }`,
    { input: { code: came.get('code'), redirectUri: stage.redirectUri, codeVerifier, nonce } },
  )
  expect(errors).toBeUndefined()
  return data.exchangeLogin
}

async function whoHas(accessToken: string): Promise<unknown> {
  return (await stage.ask('{ viewer { displayName } }', {}, accessToken)).data
}

/** A login without startLogin, as `npm run dev` prints one. */
function demoLogin(): string {
  const parameters = {
    response_type: 'code',
    client_id: stage.emulator.channels[0]?.id ?? '',
    redirect_uri: stage.devCallback,
    state: 'demo',
    scope: 'profile openid',
  }
  return `${stage.emulator.url}/oauth2/v2.1/authorize?${new URLSearchParams(parameters)}`
}

async function answerOn(page: Page): Promise<{ data: Exchanged }> {
  const answer = page.locator('#answer', { hasText: 'data' })
  await answer.waitFor()
  return JSON.parse((await answer.textContent()) ?? '')
}
