import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium } from '../harness/chromium.ts'

describeInChromium('GraphiQL and the callback page on a phone in the dark', (openPage) => {
  let system: System

  beforeAll(async () => {
    system = await startSystem()
  })
  afterAll(() => system.close())

  it('a login with the keyboard at 390 px: nothing is cut off, the answer is below the question', async () => {
    const { page, errors, otherHosts } = await openPage({
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      hasTouch: true,
    })
    await page.goto(`${system.gateway.url}/graphql/`)
    await pressEnter(page, 'Log in with LINE')
    await pressEnter(page, 'Log in as ليلى حداد')
    await pressEnter(page, 'Allow')
    await page.getByRole('banner').getByText('ليلى حداد').waitFor()
    await page.getByRole('region', { name: 'Result Window' }).getByText('displayName').waitFor()
    expect(await widthOf(page)).toBe(390)
    const question = await page.getByRole('region', { name: 'Operation Editor' }).boundingBox()
    const answer = await page.getByRole('region', { name: 'Result Window' }).boundingBox()
    expect(answer?.y).toBeGreaterThan((question?.y ?? 0) + (question?.height ?? 0))
    await pressEnter(page, 'Log out')
    await page.getByText('You are logged out').waitFor()
    expect(await page.evaluate('document.activeElement.className')).toBe('log-in')

    await page.goto(`${system.devCallback}?code=x&state=${'s'.repeat(200)}`)
    await page.getByText('The code verifier is missing').waitFor()
    expect(await widthOf(page)).toBe(390)
    expect([errors, otherHosts]).toEqual([[], []])
  })
})

async function pressEnter(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).press('Enter')
}

async function widthOf(page: Page): Promise<unknown> {
  return page.evaluate('document.documentElement.scrollWidth')
}
