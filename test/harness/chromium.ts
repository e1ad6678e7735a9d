import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'

/** A page in a profile of its own, and whatever went wrong in it: script errors, refused resources, CSP violations. */
export type Visit = { readonly page: Page; readonly complaints: readonly string[] }

export type Visitor = (options?: BrowserContextOptions) => Promise<Visit>

/** Tests in a real browser; where the machine has none, they are skipped and the output says why. */
export function describeInChromium(what: string, tests: (visit: Visitor) => void): void {
  if (program !== undefined) return void describe(what, patience, () => tests(useChromium(program)))
  const why = `chromium is not installed: skipped ${what}`
  process.stderr.write(`${why}\n`)
  describe.skip(why, () => tests(unvisited))
}

/** A browser on a busy machine takes its time. */
const patience = { timeout: 60_000 }

const program = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find(isExecutable)

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function useChromium(executablePath: string): Visitor {
  let browser: Browser | undefined
  let contexts: BrowserContext[] = []

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: flags })
  }, patience.timeout)
  afterEach(async () => {
    for (const context of contexts) await context.close()
    contexts = []
  })
  afterAll(() => browser?.close())

  return async function visit(options = {}) {
    if (browser === undefined) throw new Error('Only while a test runs')
    const context = await browser.newContext(options)
    contexts.push(context)
    context.setDefaultTimeout(patience.timeout / 3)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) complaints.push(message.text())
    })
    return { page, complaints }
  }
}

const unvisited: Visitor = () => Promise.reject(new Error('chromium is not installed'))

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
