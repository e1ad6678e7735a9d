import { afterEach, beforeEach, expect, it } from 'vitest'
import { demoUsers, type User } from '../../src/emulator/emulator.ts'
import { type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium } from '../harness/chromium.ts'
import { openDemoPage } from '../harness/demo-page.ts'

const longName: User = {
  userId: `U${'6'.repeat(32)}`,
  displayName: 'Wolfeschlegelsteinhausenbergerdorff'.repeat(3),
  statusMessage: 'w'.repeat(500),
}

describeInChromium('the demo page', (openPage) => {
  let system: System

  beforeEach(async () => {
    system = await startSystem({ users: [longName, ...demoUsers] })
  })
  afterEach(() => system.close())

  it('in dark mode at 390 px: nothing is wider than the screen, whatever the name', async () => {
    const options = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' } as const
    const { page, press, logIn, overflow, errors, otherHosts } = await openDemoPage(openPage, system, options)
    for (const { displayName } of demoUsers.slice(2, 4)) {
      await logIn(displayName)
      expect(await overflow()).toBe(0)
      await press('Log out', 'You are logged out')
    }
    await logIn(longName.displayName)
    expect(await overflow()).toBe(0)
    for (const [button, words] of [
      ['Expired token', 'The access token had expired. Refreshed.'],
      ['LINE down', 'answered all the same: from memory'],
      ['Refresh', 'LINE is unavailable'],
      ['LINE down', 'LINE works again'],
      ['Revoked token', 'The session has ended'],
    ] as const) {
      await press(button, words)
      expect(await overflow()).toBe(0)
    }
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(18, 21, 20)')
    expect(errors()).toEqual([])
    expect(otherHosts).toEqual([])
  })

  it('a token with the scope openid alone: the card has the user ID, and says which scope is missing', async () => {
    const { page, errors } = await openDemoPage(openPage, system)
    const tokens = system.emulator.issueTokens({ userId: demoUsers[0]?.userId ?? '', scope: 'openid' })
    const session = JSON.stringify({ ...tokens, scopes: ['openid'] })
    await page.evaluate(`sessionStorage.setItem('line-session', ${JSON.stringify(session)})`)
    await page.reload()
    await page.getByText('needs the scope profile').waitFor()
    expect(await page.locator('.name').innerText()).toBe(demoUsers[0]?.userId)
    expect(errors()).toEqual([])
  })

  it('with the keyboard alone: logs in, and sees that the gateway has gone', async () => {
    const { page, press } = await openDemoPage(openPage, system)
    await page.getByRole('button', { name: 'Log in', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Log in as Tom' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Allow' }).focus()
    await page.keyboard.press('Space')
    await page.locator('#user').getByText('Tom').waitFor()
    await system.gateway.close()
    await page.getByText('These numbers are old').waitFor()
    await press('Refresh', 'No network: the gateway cannot be reached. You stay logged in.')
  })
})
