import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium } from '../harness/chromium.ts'
import { openDemoPage } from '../harness/demo-page.ts'

describeInChromium('the demo page', (openPage) => {
  let system: System

  beforeEach(async () => {
    system = await startSystem()
  })
  afterEach(() => system.close())

  it('from the login to the logout: each error is survived, and said in new words', async () => {
    const { page, press, logIn, overflow, errors, otherHosts } = await openDemoPage(openPage, system)
    const buttons = () => page.getByRole('button', { disabled: false }).allInnerTexts()
    await page.getByText('Nobody is logged in').waitFor()
    expect(await buttons()).toEqual(['Log in'])

    await logIn('Sakura Tanaka')
    expect(new URL(page.url()).pathname).toBe('/dev/demo')
    expect(await buttons()).toEqual(expect.arrayContaining(['Refresh', 'Log out', 'Expired token', 'LINE down']))
    expect(await buttons()).not.toContain('Log in')
    await page.getByText('Out for ramen').waitFor()
    await page.getByText('29 days').waitFor()
    await press('Refresh', 'you have a new access token')
    await press('Ask 100 times at once', '100 answers, 0 calls to LINE')
    await press('The same with a new token', '100 answers, 2 calls to LINE')

    await press('Expired token', 'The access token had expired. Refreshed.')

    await press('LINE down', 'answered all the same: from memory')
    await page.getByText('Sakura Tanaka').waitFor()
    await press('Refresh', 'LINE is unavailable. You stay logged in.')
    await page.getByText('This page repeats it by itself').waitFor()
    await press('LINE down', 'LINE works again')
    await page.getByText('Refreshed: you have a new access token').waitFor()

    await press('LINE answers 429', 'answered all the same: from memory')
    await press('Refresh', 'LINE limits the calls of this channel. You stay logged in.')
    await page.locator('#breakers').getByText('token: open').waitFor()
    await press('LINE answers 429', 'LINE works again')
    await page.getByText('Refreshed: you have a new access token').waitFor()

    await press('Revoked token', 'The session has ended')
    expect(await buttons()).toEqual(['Log in'])
    await logIn('Tom')
    await page.setViewportSize({ width: 390, height: 844 })
    expect(await overflow()).toBe(0)

    await page.context().setOffline(true)
    await press('Refresh', 'No network')
    await page.context().setOffline(false)
    await page.getByText('Refreshed: you have a new access token').waitFor()
    await press('Log out', 'You are logged out')
    expect(await buttons()).toEqual(['Log in'])
    expect(errors()).toEqual([])
    expect(otherHosts).toEqual([])
  })

  it.runIf(process.env.PICTURES === 'write').each([
    ['demo.png', 'light'],
    ['demo-dark.png', 'dark'],
  ] as const)('the picture %s', async (name, colorScheme) => {
    const options = { viewport: { width: 1100, height: 1180 }, deviceScaleFactor: 1.5, colorScheme }
    const { page, press, logIn } = await openDemoPage(openPage, system, options)
    await logIn('Sakura Tanaka')
    await press('Ask 100 times at once', '100 answers, 0 calls to LINE')
    await press('The same with a new token', '100 answers, 2 calls to LINE')
    await press('Expired token', 'Refreshed.')
    await page.mouse.move(0, 0)
    const path = fileURLToPath(new URL(`../pictures/${name}`, import.meta.url))
    await page.screenshot({ path, fullPage: true, animations: 'disabled' })
  })
})
