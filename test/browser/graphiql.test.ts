import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, startPrefixProxy, startSystem } from '../harness/browser-system.ts'
import { describeInChromium, type OpenPage } from '../harness/chromium.ts'
import { itInFull } from '../harness/in-full.ts'

// GraphiQL takes seconds to load, so each test has many steps.
describeInChromium('GraphiQL', (openPage) => {
  let system: System

  beforeAll(async () => {
    system = await startSystem()
  })
  afterAll(() => system.close())

  it('opens without another host, and answers the viewer of the token in its headers', async () => {
    const { page, errors, otherHosts } = await open(openPage, system.gateway.url, readmeSize)
    await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Sakura Tanaka"/)
    if (process.env.PICTURES === 'write') await writePicture(page)
    expect([errors.filter(isUnexpected), otherHosts]).toEqual([[], []])
  })

  itInFull(
    'without a login: all samples run, it stores nothing; startLogin leads by clicks to viewer as the new user',
    async () => {
      const { page, errors, otherHosts } = await open(openPage, system.gateway.url, readmeSize)
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
      await page.getByRole('link', { name: 'Query' }).click()
      await page.getByRole('link', { name: 'viewer', exact: true }).click()
      await page.getByText("The LINE user of the request's").first().waitFor()
      await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click()
      await page.getByRole('button', { name: 'Headers', exact: true }).click()
      for (const [tab, expected] of [
        ['Verify', /"active": true/],
        ['NewTokens', /"accessToken": "ey/],
        ['Exchange', /"code is empty"/],
      ] as const) {
        await openTab(page, tab)
        await variablesOnScreen(page)
        await expect.poll(() => run(page), longWait).toMatch(expected)
      }
      await page.getByRole('button', { name: 'New tab' }).click()
      await page.getByRole('tab', { name: '<untitled>', selected: true }).waitFor()
      await write(page, 'query Mine { viewer { displayName } }')
      await page.getByRole('tab', { name: 'Mine' }).waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"Sakura Tanaka"/)
      expect(await stored(page)).toBe('{}')
      expect(page.url()).toBe(`${system.gateway.url}/graphql`)
      await page.reload()
      await page.getByRole('tab', { name: 'WhoAmI', selected: true }).waitFor()
      await expect.poll(() => page.getByRole('tab').count(), longWait).toBe(5)

      await typeExpiredToken(page, system)
      await expect.poll(() => run(page), longWait).toMatch(/"reason": "EXPIRED"/)
      await bar(page).getByText('The token in the headers has expired. Log in puts a new one there.').waitFor()
      await openTab(page, 'StartLogin')
      await expect.poll(() => run(page), longWait).toMatch(/"authorizationUrl": "http/)
      await page.getByRole('link', { name: 'Continue to LINE' }).waitFor()
      await page.getByRole('region', { name: 'Result Window' }).locator('.detected-link').first().click()
      await chooseUser(page, 'Tom')
      await page.getByRole('link', { name: 'Open GraphiQL as this user' }).click()
      await bar(page).getByText('Tom', { exact: true }).waitFor()
      await page.getByRole('tab', { name: 'WhoAmI', selected: true }).waitFor()
      await page.getByRole('region', { name: 'Result Window' }).getByText('"Tom"').waitFor()
      expect([errors.filter(isUnexpected), otherHosts]).toEqual([[], []])
    },
  )

  itInFull(
    'below a path prefix: an expired token is refreshed; a new login keeps what was typed; each failure is said',
    async () => {
      const proxy = await startPrefixProxy(system.gateway.url, '/api/line')
      const { page, errors, otherHosts } = await openPage()
      await page.goto(`${proxy.url}/dev/callback`)
      await keepSession(page, system.emulator.issueTokens({ expiresIn: 1 }))
      await page.goto(`${proxy.url}/graphql`)
      await bar(page).getByText('Token has expired', { exact: true }).waitFor()
      await bar(page).getByText('The access token has expired. Refresh it.').waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"reason": "EXPIRED"/)
      await press(page, 'Refresh')
      await bar(page).getByText('Sakura Tanaka').waitFor()
      await bar(page).getByText('You have a new access token.').waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Sakura Tanaka"/)
      await typeExpiredToken(page, system)
      await expect.poll(() => run(page), longWait).toMatch(/"reason": "EXPIRED"/)
      await bar(page).getByText('The token in the headers has expired. Refresh puts a new one there.').waitFor()
      await press(page, 'Refresh')
      await bar(page).getByText('You have a new access token.').waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Sakura Tanaka"/)
      await press(page, 'Log out')
      await bar(page).getByText('You are logged out').waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"code": "UNAUTHENTICATED"/)
      await bar(page).getByText('The headers have no token. Log in puts one there.').waitFor()
      expect(await stored(page)).toBe('{}')

      await write(page, 'query Mine { viewer { displayName } }')
      await page.getByRole('tab', { name: 'Mine' }).waitFor()
      await typeExpiredToken(page, system)
      await press(page, 'Log in with LINE')
      await chooseUser(page, 'Tom')
      await page.waitForURL(`${proxy.url}/graphql`)
      await bar(page).getByText('Tom', { exact: true }).waitFor()
      await bar(page).getByText('Token ends in').waitFor()
      await page.getByRole('tab', { name: 'Mine', selected: true }).waitFor()
      await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Tom"/)
      expect(await page.evaluate('Object.keys(sessionStorage).join()')).toBe('line-session')
      await openTab(page, 'Verify')
      await expect.poll(() => headers(page), longWait).toContain(await page.evaluate(accessToken))
      expect([errors.filter(isUnexpected), otherHosts]).toEqual([[], []])

      system.emulator.faults.set('token', { status: 500 })
      await press(page, 'Refresh')
      await bar(page).getByText('LINE is unavailable').waitFor()
      system.emulator.faults.set('token', { status: 400, body: { error: 'invalid_grant' } })
      await expect.poll(() => pressFor(page, 'Refresh', 'Log in again'), longWait).toBe(true)
      await bar(page).getByText('Nobody is logged in').waitFor()
      expect(await page.evaluate('Object.keys(sessionStorage).join()')).toBe('')
      system.emulator.faults.clear()

      const dead = system.emulator.issueTokens()
      system.emulator.revokeAccessToken(dead.accessToken)
      await keepSession(page, dead)
      await page.reload()
      await page.getByRole('region', { name: 'Result Window' }).getByText('REVOKED').first().waitFor()
      await bar(page).getByText('The session has ended').waitFor()
      await bar(page).getByText('Nobody is logged in').waitFor()
      proxy.close()
      await press(page, 'Log in with LINE')
      await bar(page).getByText('No network: the gateway cannot be reached. Try again later.').waitFor()
    },
  )
})

const readmeSize = { viewport: { width: 1100, height: 640 }, deviceScaleFactor: 1.5 }

/** For `PICTURES=write`: writes the README's picture, after the query has its colours and the mouse is away. */
async function writePicture(page: Page): Promise<void> {
  const keyword = { hasText: /^query$/ }
  await page.getByRole('region', { name: 'Operation Editor' }).locator('span:not(.mtk1)', keyword).first().waitFor()
  await page.mouse.move(900, 600)
  await page.waitForTimeout(2_000)
  const path = fileURLToPath(new URL('../pictures/graphiql.png', import.meta.url))
  await page.screenshot({ path, animations: 'disabled' })
}

async function open(openPage: OpenPage, url: string, options: Parameters<OpenPage>[0] = {}) {
  const opened = await openPage(options)
  await opened.page.goto(`${url}/graphql`)
  return opened
}

const bar = (page: Page) => page.getByRole('banner')

async function press(page: Page, name: string): Promise<void> {
  await bar(page).getByRole('button', { name }).click()
}

/**
 * True if the words are in the bar after the click. Poll it: the gateway waits a moment after an outage. The answer to an earlier
 * click can hide the button at any time, so a click does not wait for long.
 */
async function pressFor(page: Page, name: string, words: string): Promise<boolean> {
  const button = bar(page).getByRole('button', { name })
  if (await button.isVisible()) await button.click({ timeout: 1_000 }).catch(() => {})
  return bar(page).getByText(words).isVisible()
}

async function openTab(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name }).getByRole('button', { name }).click()
  await page.getByRole('tab', { name, selected: true }).waitFor()
}

async function variablesOnScreen(page: Page): Promise<void> {
  await page.locator('button.active[data-name="variables"]').waitFor()
}

async function headers(page: Page): Promise<unknown> {
  return page.evaluate("monaco.editor.getModels().find(({ uri }) => uri.path.includes('request-headers')).getValue()")
}

/** As the README says it: gets a token that has expired, and types it into the headers of the tab. */
async function typeExpiredToken(page: Page, { emulator }: System): Promise<void> {
  const { accessToken } = emulator.issueTokens({ expiresIn: 0 })
  await page.getByRole('button', { name: 'Headers', exact: true }).click()
  await page.getByRole('region', { name: 'Headers' }).getByRole('code').click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(JSON.stringify({ Authorization: `Bearer ${accessToken}` }))
  await expect.poll(() => headers(page), longWait).toContain(accessToken)
}

const accessToken = "JSON.parse(sessionStorage['line-session']).accessToken"

/** All that the page has stored in the browser. A code that was used is not counted: it is kept so that it is sent once. */
async function stored(page: Page): Promise<unknown> {
  return page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie')
}

/** A login that happened before. */
async function keepSession(
  page: Page,
  tokens: { readonly accessToken: string; readonly refreshToken: string | undefined; readonly expiresIn: number },
): Promise<void> {
  const expiresAt = new Date(Date.now() + tokens.expiresIn * 1000).toISOString()
  const session = JSON.stringify({ ...tokens, expiresAt, scopes: ['profile'] })
  await page.evaluate(`sessionStorage['line-session'] = ${JSON.stringify(session)}`)
}

/** On the login page of the emulator. */
async function chooseUser(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: `Log in as ${name}` }).click()
  await page.getByRole('button', { name: 'Allow' }).or(page.getByRole('banner')).first().waitFor()
  const allow = page.getByRole('button', { name: 'Allow' })
  if (await allow.isVisible()) await allow.click()
}

/** Runs the document in the editor and returns the result. Poll it: GraphiQL needs time to read a new document. */
async function run(page: Page): Promise<string> {
  await page.getByRole('button', { name: /^Execute query/ }).click()
  const answer = page.getByRole('region', { name: 'Result Window' })
  // Short, so that a poll clicks again if the first click came too early.
  await answer.getByText('{').first().waitFor({ timeout: 5_000 })
  return (await answer.innerText()).replace(/\s+/g, ' ')
}

/** A press of `run` that came too early sends a document that GraphiQL has not read: the gateway refuses it. */
const isUnexpected = (error: string) => error !== refusedEarly
const refusedEarly = 'Failed to load resource: the server responded with a status of 400 (Bad Request)'

const longWait = { timeout: 60_000, interval: 200 }

/** Inserts a document into the editor at once, because typing would start completion. */
async function write(page: Page, document: string): Promise<void> {
  await page.getByRole('region', { name: 'Operation Editor' }).getByRole('code').click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(document)
  await page.keyboard.press('Escape')
}
