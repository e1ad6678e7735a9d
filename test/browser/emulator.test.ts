import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { describeInChromium } from '../harness/chromium.ts'

let emulator: Emulator

describeInChromium("the emulator's home page", (openPage) => {
  beforeEach(async () => {
    emulator = await startEmulator()
  })
  afterEach(() => emulator.close())

  it('shows calls, faults and switches live, copies and runs commands, logs in; nothing comes from elsewhere', async () => {
    const { page, errors } = await openPage({ permissions: ['clipboard-read', 'clipboard-write'] })
    const outside = requestsOutside(page)
    await page.goto(emulator.url)
    await page.getByText('No calls yet.').waitFor()

    await fetch(`${emulator.url}/v2/profile`)
    await page.getByText('GET profile: 401').waitFor()
    await page.getByRole('row', { name: 'profile 1' }).waitFor()

    await page.getByRole('button', { name: 'LINE down' }).click()
    await page.getByText('Fault at all endpoints: {"status":500}').waitFor()
    emulator.switches.verifyTexts = 'old'
    await page.getByText('Switch verifyTexts: "old"').waitFor()
    expect((await fetch(`${emulator.url}/v2/profile`)).status).toBe(500)
    await page.getByText('GET profile: 500').waitFor()
    await page.getByRole('button', { name: 'All well again' }).click()
    await page.getByText('LINE is well.').waitFor()
    expect([(await fetch(`${emulator.url}/v2/profile`)).status, emulator.switches.verifyTexts]).toEqual([401, 'new'])

    const expiry = page.locator('.command', { hasText: '"expiresIn":2' })
    // The button says "Copied" for two seconds: on a busy machine a look at it can be too late.
    const namesAfterCopy = async () => {
      await expiry.getByRole('button', { name: /^Cop/ }).click()
      return namesOfButtons(page)
    }
    await expect
      .poll(namesAfterCopy, { timeout: 60_000 })
      .toEqual([expect.stringContaining('expires in 2 seconds'), []])
    const command = `curl -s -X POST '${emulator.url}/emulator/tokens' -d '{"expiresIn":2}'`
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(command)
    await expiry.getByRole('button', { name: 'Run' }).focus()
    await page.keyboard.press('Enter')
    await expiry.getByText('"expiresIn": 2').waitFor()

    expect(await arePicturesLoaded(page)).toBe(true)
    await page.getByRole('link', { name: 'Log in as a demo user' }).click()
    await page.getByRole('button', { name: 'Log in as 佐藤 健太' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('heading', { name: 'Result of the login' }).waitFor()
    await page.getByRole('row', { name: 'state demo' }).waitFor()
    await page.getByText('send the code to the gateway').waitFor()

    expect([errors, outside]).toEqual([[], []])
  })
})

function requestsOutside(page: Page): readonly string[] {
  const outside: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(`${emulator.url}/`) && !request.url().startsWith('data:')) outside.push(request.url())
  })
  return outside
}

/** The name of a button that copies, and all names that two buttons have. */
async function namesOfButtons(page: Page): Promise<readonly [string | undefined, readonly string[]]> {
  const names = await page
    .locator('.command button')
    .evaluateAll((buttons) => buttons.map(({ ariaLabel }) => String(ariaLabel)))
  return [names.find((name) => name.startsWith('Copied')), names.filter((name, at) => names.indexOf(name) !== at)]
}

function arePicturesLoaded(page: Page): Promise<boolean> {
  return page
    .locator('img')
    .evaluateAll(
      (images) => images.length >= 4 && images.every((image) => (image as HTMLImageElement).naturalWidth > 0),
    )
}
