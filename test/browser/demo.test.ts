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
    const demo = await openDemoPage(openPage, system, { viewport: { width: 390, height: 664 } })
    const { page, press, logIn, overflow, isInView, focused, nextAnswer, errors, otherHosts } = demo
    const buttons = () => page.getByRole('button', { disabled: false }).allInnerTexts()
    await page.getByText('Nobody is logged in').waitFor()
    expect(await buttons()).toEqual(['Log in'])

    await logIn('Sakura Tanaka')
    expect(new URL(page.url()).pathname).toBe('/dev/demo')
    expect(await buttons()).toEqual(expect.arrayContaining(['Refresh', 'Log out', 'Expired token', 'LINE down']))
    expect(await buttons()).not.toContain('Log in')
    await page.getByText('Out for ramen').waitFor()
    await page.getByText(/^29 days 23 h$/).waitFor()
    await press('Refresh', 'you have a new access token')
    await press('Ask 100 times at once', '100 answers, 0 calls to LINE')
    await press('The same with a new token', '100 answers, 2 calls to LINE')

    await press('Expired token', 'The access token had expired. Refreshed.')

    await press('LINE down', 'An outage of LINE has begun')
    // The page can hear of the fault before its own request for it has ended, and comes into view after that.
    await expect.poll(() => isInView('#world'), { timeout: 60_000 }).toBe(true)
    await page.getByText('answered all the same: from memory').waitFor()
    await press('The same with a new token', /: 0 answers, \d+ calls to LINE. LINE is unavailable/)
    await press('Refresh', /^LINE is unavailable. You stay logged in.$/)
    await page.getByText('This page repeats it by itself').waitFor()
    await page.evaluate('scrollTo(0, document.body.scrollHeight)')
    const place = await page.evaluate("globalThis.event = document.querySelector('#feed').children[1], scrollY")
    await nextAnswer('/graphql')
    await page.getByText('This page repeats it by itself').waitFor()
    expect(await page.evaluate('[scrollY, globalThis.event.isConnected]')).toEqual([place, true])
    await press('LINE down', 'LINE works again')
    await page.getByText('Refreshed: you have a new access token').waitFor()

    await press('LINE answers 429', 'answered all the same: from memory')
    await press('Refresh', 'LINE limits the calls of this channel. You stay logged in.')
    await page.locator('#breakers').getByText('token: open').waitFor()
    await press('LINE answers 429', 'LINE works again')
    system.emulator.faults.set('token', { status: 503, times: 1_000 })
    await page.getByText('each call to "token" gets 503').waitFor()
    system.emulator.faults.set('*', { latencyMs: 1 })
    system.emulator.faults.clear('token')
    await page.getByText('LINE has a fault now: each call gets {"latencyMs":1}').waitFor()
    system.emulator.faults.clear()
    await page.getByText('LINE works again').waitFor()
    await page.getByText('Refreshed: you have a new access token').waitFor()

    await press('Revoked token', 'The session has ended')
    expect(await buttons()).toEqual(['Log in'])
    expect(await focused()).toBe('Log in')
    expect(await isInView('[data-action=logIn]')).toBe(true)
    await logIn('Tom')
    expect(await overflow()).toBe(0)

    await page.context().setOffline(true)
    await press('LINE down', 'No network: the LINE emulator cannot be reached')
    await press('Refresh', 'No network: the gateway cannot be reached. You stay logged in.')
    await page.context().setOffline(false)
    await page.getByText('Refreshed: you have a new access token').waitFor()
    await press('Log out', 'You are logged out')
    expect(await buttons()).toEqual(['Log in'])
    expect(await focused()).toBe('Log in')

    await logIn('佐藤 健太')
    system.emulator.faults.set('token', { status: 400, body: { error: 'invalid_grant' }, times: 1 })
    await press('Refresh', 'The session has ended')
    expect(await focused()).toBe('Log in')
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
    await press('Expired token', 'lasts 2 s now')
    await press('The same with a new token', '100 answers, 2 calls to LINE')
    await page.getByText('Refreshed.').waitFor()
    await page.mouse.move(0, 0)
    const [card, numbers] = [await boxOf('#you'), await boxOf('[aria-labelledby=live-title] dl')]
    const bottom = Math.max(card.y + card.height, numbers.y + numbers.height)
    const path = fileURLToPath(new URL(`../pictures/${name}`, import.meta.url))
    const clip = { x: 0, y: card.y - 16, width: 1100, height: bottom - card.y + 32 }
    await page.screenshot({ path, clip, fullPage: true, animations: 'disabled' })

    async function boxOf(selector: string) {
      return (await page.locator(selector).boundingBox()) ?? { y: 0, height: 0 }
    }
  })
})
