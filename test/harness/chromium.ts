import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'

/**
 * A page in a new browser profile. `errors` has its script errors, refused resources and CSP violations. `otherHosts` has
 * the addresses beyond this machine that it asked for.
 */
export type OpenedPage = {
  readonly page: Page
  readonly errors: readonly string[]
  readonly otherHosts: readonly string[]
}

export type OpenPage = (options?: BrowserContextOptions) => Promise<OpenedPage>

/** Tests in a real browser. On a machine without one they are skipped, and the output gives the reason. */
export function describeInChromium(subject: string, tests: (openPage: OpenPage) => void): void {
  if (program !== undefined) return void describe(subject, { timeout }, () => tests(useChromium(program)))
  const reason = `chromium is not installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, () => tests(failToOpen))
}

/** For a test, in ms. A browser is slow on a busy machine, so this only ends a test that hangs. */
const timeout = 180_000
/** For one step of a test, in ms: a click, a page load. */
const stepTimeout = 60_000

const program = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find(isExecutable)

/** Our pages give up a request after seconds. A slow machine must not look like a lost network: a lost one fails at once. */
const patient = 'AbortSignal.timeout = () => new AbortController().signal'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function useChromium(executablePath: string): OpenPage {
  let browser: Browser | undefined
  let contexts: BrowserContext[] = []

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: flags })
  }, timeout)
  afterEach(async () => {
    for (const context of contexts) await context.close()
    contexts = []
  }, timeout)
  afterAll(() => browser?.close(), timeout)

  return async function openPage(options = {}) {
    if (browser === undefined) throw new Error('The browser runs only during a test')
    const context = await browser.newContext(options)
    contexts.push(context)
    context.setDefaultTimeout(stepTimeout)
    await context.addInitScript(patient)
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) errors.push(message.text())
    })
    const otherHosts: string[] = []
    context.on('request', (request) => {
      if (!/^(https?:\/\/(127\.0\.0\.1|localhost)[:/]|blob:|data:)/.test(request.url())) otherHosts.push(request.url())
    })
    return { page, errors, otherHosts }
  }
}

const failToOpen: OpenPage = () => Promise.reject(new Error('chromium is not installed'))

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
