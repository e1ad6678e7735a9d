import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect } from 'vitest'
import { printedState } from '../../src/dev/pages.ts'
import { type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium } from '../harness/chromium.ts'
import { itInFull } from '../harness/in-full.ts'

type Login = {
  readonly state: string
  readonly authorizationUrl: string
  readonly codeVerifier: string
  readonly nonce: string
}

let system: System

describeInChromium('the callback page', (openPage) => {
  beforeEach(async () => {
    system = await startSystem()
  })
  afterEach(() => system.close())

  itInFull(
    'of the printed login: exchanges the code once; a reload and the same address again send nothing',
    async () => {
      const { page, errors, otherHosts } = await openPage({ permissions: ['clipboard-read', 'clipboard-write'] })
      const [answer] = await Promise.all([
        page.waitForRequest(/callback\?code=/),
        logIn(page, printedLogin(), 'Sakura Tanaka'),
      ])
      await page.getByRole('heading', { name: 'You are logged in' }).waitFor()
      await page.getByText('Sakura Tanaka', { exact: true }).waitFor()
      expect([page.url(), await page.title()]).toEqual([system.devCallback, 'You are logged in'])
      await page.getByText('Your back end can check the ID token').waitFor()
      await page.getByRole('button', { name: 'Copy the access token' }).click()
      await page.getByText('Copied: the access token.').waitFor()
      const copied = await page.evaluate<string>('navigator.clipboard.readText()')
      const { data } = await system.ask('{ viewer { displayName } }', {}, copied)
      expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
      expect(await page.getByLabel('ID token', { exact: true }).inputValue()).toMatch(/^eyJ/)

      await page.reload()
      await page.getByText('The address has no code.').waitFor()
      await page.getByText('Sakura Tanaka', { exact: true }).waitFor()
      expect(await page.getByText('Your back end can check the ID token').isVisible()).toBe(false)
      await page.goto(answer.url())
      await page.getByText('This code was sent to LINE before.').waitFor()
      expect(system.emulator.calls.byEndpoint().token).toBe(1)
      expect([errors, otherHosts]).toEqual([[], []])
    },
  )

  itInFull(
    'without the verifier: sends no code and says what is missing; with it: finishes the login, once for its state',
    async () => {
      const login = await start()
      const { page, errors, otherHosts } = await openPage()
      await logIn(page, login.authorizationUrl, 'Tom')
      await page.getByText('The code verifier is missing').waitFor()
      const finish = page.getByRole('button', { name: 'Finish the login' })
      expect(await finish.isDisabled()).toBe(true)
      await page.getByLabel('Code verifier').fill('too short')
      expect(await finish.isDisabled()).toBe(true)
      expect(system.emulator.calls.byEndpoint().token ?? 0).toBe(0)
      await page.getByLabel('Code verifier').fill(login.codeVerifier)
      await page.getByLabel('Nonce').fill(login.nonce)
      await finish.click()
      await page.getByText('Tom', { exact: true }).waitFor()
      await page.goto(`${system.devCallback}?${new URLSearchParams({ code: 'another', state: login.state })}`)
      await page.getByText('This login was finished before. You are logged in.').waitFor()
      await page.getByText('Tom', { exact: true }).waitFor()
      expect(system.emulator.calls.byEndpoint().token).toBe(1)
      expect([errors, otherHosts]).toEqual([[], []])
    },
  )

  itInFull('an outage: the same code again by a reload or a button; a spent code: log in again', async () => {
    const { page } = await openPage()
    system.emulator.faults.set('token', { status: 500, times: 2 })
    await logIn(page, printedLogin(), 'Tom')
    await page.getByText('LINE is unavailable. The code is still good.').waitFor()
    await page.reload()
    await page.getByText('LINE is unavailable. The code is still good.').waitFor()
    expect(page.url()).toBe(system.devCallback)
    const again = page.getByRole('button', { name: 'Try again' })
    // The answer to an earlier click can hide the button at any time, so a click does not wait for long.
    const isDone = async () => {
      if (await again.isVisible()) await again.click({ timeout: 1_000 }).catch(() => {})
      return page.getByText('Tom', { exact: true }).isVisible()
    }
    await expect.poll(isDone, { timeout: 60_000, interval: 500 }).toBe(true)
    await page.goto(`${system.devCallback}?${new URLSearchParams({ code: 'spent', state: printedState })}`)
    await page.getByText('LINE refused the refresh token or code. Log in again.').waitFor()
  })

  itInFull('a cancelled login and other errors: said in words, and markup is text', async () => {
    const { page, errors } = await openPage()
    await page.goto(printedLogin())
    await page.getByRole('button', { name: 'Log in as Tom' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('The login was cancelled').waitFor()
    await page.reload()
    await page.getByText('ACCESS_DENIED: The resource owner denied the request.').waitFor()
    expect(await page.title()).toBe('The login was cancelled')
    await page.getByRole('link', { name: 'Open GraphiQL' }).waitFor()
    const long = 'x'.repeat(500)
    await page.goto(`${system.devCallback}?${new URLSearchParams({ error: 'constructor', error_description: long })}`)
    await page.getByText(`user in. LINE said constructor: ${'x'.repeat(200)} …`).waitFor()
    await page.goto(`${system.devCallback}?code=&state=s`)
    await page.getByText('The code in the address is empty.').waitFor()
    expect(await page.getByRole('button', { name: 'Try again' }).isVisible()).toBe(false)
    const markup = '<img src=x onerror="throw 1">'
    await page.goto(`${system.devCallback}?${new URLSearchParams({ error: markup, error_description: markup })}`)
    await page.getByText(`LINE said ${markup}: ${markup}`).waitFor()
    await page.goto(`${system.devCallback}?${new URLSearchParams({ code: markup, state: markup })}`)
    expect(await page.getByLabel('State').inputValue()).toBe(markup)
    await page.goto(`${system.devCallback}?response=eyJ`)
    await page.getByText('LINE sent a signed response').waitFor()
    expect(errors).toEqual([])
  })

  itInFull('a blocked storage: the words, and the code is not sent; the other pages start', async () => {
    const { page, errors } = await openPage()
    await page.addInitScript(blockStorage)
    await logIn(page, printedLogin(), 'Tom')
    await page.getByText('This page needs the storage of the browser').waitFor()
    await page.getByRole('button', { name: 'Try again' }).waitFor()
    expect([page.url(), system.emulator.calls.byEndpoint().token ?? 0]).toEqual([system.devCallback, 0])
    await page.getByRole('link', { name: 'Demo page' }).click()
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('This page needs the storage of the browser').waitFor()
    expect(errors).toEqual([])
  })
})

const blockStorage = `for (const name of ['sessionStorage', 'localStorage'])
  Object.defineProperty(globalThis, name, { get() { throw new DOMException('denied', 'SecurityError') } })`

async function start(): Promise<Login> {
  const { data } = await system.ask<{ startLogin: Login }>(
    'mutation ($input: StartLoginInput!) { startLogin(input: $input) { authorizationUrl state nonce codeVerifier } }',
    { input: { redirectUri: system.devCallback } },
  )
  return data.startLogin
}

async function logIn(page: Page, loginPage: string, name: string): Promise<void> {
  await page.goto(loginPage)
  await page.getByRole('button', { name: `Log in as ${name}` }).click()
  await page.getByRole('button', { name: 'Allow' }).click()
}

/** The address of a login without startLogin, as `npm run dev` prints it. */
function printedLogin(): string {
  const parameters = {
    response_type: 'code',
    client_id: system.emulator.channels[0]?.id ?? '',
    redirect_uri: system.devCallback,
    state: printedState,
    scope: 'profile openid',
  }
  return `${system.emulator.url}/oauth2/v2.1/authorize?${new URLSearchParams(parameters)}`
}
