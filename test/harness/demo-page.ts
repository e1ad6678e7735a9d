import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { System } from './browser-system.ts'
import type { OpenPage } from './chromium.ts'

/** The demo page in a browser that reaches only the gateway and the emulator. */
export type DemoPage = {
  readonly page: Page
  /** Script errors, CSP violations and warnings. Not the lines that the browser itself writes for a request that failed. */
  errors(): readonly string[]
  /** The addresses on other hosts that the page asked for. */
  readonly otherHosts: readonly string[]
  /** Presses a button, and waits for words that were not on the page before. */
  press(button: string, words: string | RegExp): Promise<void>
  logIn(name: string): Promise<void>
  /** The number of pixels that the page is too wide. */
  overflow(): Promise<number>
  /** Whether the whole element is on the screen. */
  isInView(selector: string): Promise<boolean>
  /** The text of the element that has the focus. */
  focused(): Promise<string>
  /** Waits for the answer to a request of the page that starts now or later. `path`: the end of its address. */
  nextAnswer(path: string): Promise<void>
}

export async function openDemoPage(
  openPage: OpenPage,
  { gateway, emulator }: System,
  options: BrowserContextOptions = {},
): Promise<DemoPage> {
  const { page, errors } = await openPage(options)
  const otherHosts: string[] = []
  await page.context().route(
    ({ origin }) => origin !== gateway.url && origin !== emulator.url,
    async (route) => {
      otherHosts.push(route.request().url())
      await route.abort()
    },
  )
  await page.goto(`${gateway.url}/dev/demo`)
  return {
    page,
    errors: () => errors.filter((text) => !text.startsWith('Failed to load resource: net::')),
    otherHosts,
    press,
    logIn,
    overflow: () => page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>,
    isInView,
    focused: () => page.evaluate('document.activeElement.textContent') as Promise<string>,
    nextAnswer: async (path) => {
      const sent = await page.waitForRequest((request) => request.url().endsWith(path))
      await sent.response()
    },
  }

  async function isInView(selector: string): Promise<boolean> {
    const box = await page.locator(selector).boundingBox()
    return box !== null && box.y >= 0 && box.y + box.height <= (page.viewportSize()?.height ?? 0)
  }

  async function press(button: string, words: string | RegExp): Promise<void> {
    await expect.poll(() => page.getByText(words).count(), { timeout: 30_000 }).toBe(0)
    await page.getByRole('button', { name: button, exact: true }).click()
    await page.getByText(words).waitFor()
  }

  async function logIn(name: string): Promise<void> {
    await page.getByRole('button', { name: 'Log in', exact: true }).click()
    await page.getByRole('button', { name: `Log in as ${name}` }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.locator('#user').getByText(name).waitFor()
  }
}
