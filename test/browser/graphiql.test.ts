import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Stage, startStage } from '../harness/browser-stage.ts'
import { describeInChromium, type Visitor } from '../harness/chromium.ts'

describeInChromium('GraphiQL', (visit) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await startStage()
  })
  afterAll(() => stage.close())

  it('answers who I am with the demo token, and asks nobody but the gateway', async () => {
    const { page, complaints, strangers } = await open(visit, stage, readmeSize)
    await expect.poll(() => run(page), patience).toMatch(/"displayName": "Sakura Tanaka"/)
    if (process.env.PICTURES === 'write') await paint(page)
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    await page.getByRole('link', { name: 'Query' }).click()
    await page.getByRole('link', { name: 'viewer', exact: true }).click()
    await page.getByText("The LINE user of the request's").first().waitFor()
    expect(strangers).toEqual([])
    expect(complaints).toEqual([])
  })

  it('runs each sample with the variables it brings', async () => {
    const { page, complaints } = await open(visit, stage)
    for (const [tab, expected] of [
      ['Verify', /"active": true/],
      ['Refresh', /"accessToken": "ey/],
      ['StartLogin', /"authorizationUrl": "http/],
      ['Exchange', /"code is empty"/],
      ['WhoAmI', /"Sakura Tanaka"/],
    ] as const) {
      await page.getByRole('tab', { name: tab }).getByRole('button', { name: tab }).click()
      await page.getByRole('tab', { name: tab, selected: true }).waitFor()
      await expect.poll(() => run(page), patience).toMatch(expected)
    }
    expect(complaints).toEqual([])
  })

  it('has the demo token in a new tab', async () => {
    const { page } = await open(visit, stage)
    await page.getByRole('button', { name: 'New tab' }).click()
    await page.getByRole('tab', { name: '<untitled>', selected: true }).waitFor()
    await write(page, 'query Mine { viewer { displayName } }')
    await expect.poll(() => run(page), patience).toMatch(/"Sakura Tanaka"/)
  })

  it('leaves no token behind in the browser, and starts afresh with the next load', async () => {
    const { page } = await open(visit, stage)
    await expect.poll(() => run(page), patience).toMatch(/"Sakura Tanaka"/)
    await write(page, 'query Mine { viewer { id } }')
    await page.getByRole('tab', { name: 'Mine' }).waitFor()
    expect(await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie')).toBe('{}')
    expect(page.url()).toBe(`${stage.gateway.url}/graphql`)

    await page.reload()
    await page.getByRole('tab', { name: 'WhoAmI', selected: true }).waitFor()
    expect(await page.getByRole('tab').count()).toBe(5)
    await expect.poll(() => run(page), patience).toMatch(/"Sakura Tanaka"/)
  })
})

const readmeSize = { viewport: { width: 1100, height: 640 }, deviceScaleFactor: 1.5 }

/** `PICTURES=write` remakes the README's picture, once the query has its colours and the traces of the mouse are gone. */
async function paint(page: Page): Promise<void> {
  const keyword = { hasText: /^query$/ }
  await page.getByRole('region', { name: 'Operation Editor' }).locator('span:not(.mtk1)', keyword).first().waitFor()
  await page.mouse.move(900, 600)
  await page.waitForTimeout(2_000)
  const path = fileURLToPath(new URL('../pictures/graphiql.png', import.meta.url))
  await page.screenshot({ path, animations: 'disabled' })
}

/** GraphiQL for one that has no network: only the gateway can be asked, and who else would have been is written down. */
async function open(visit: Visitor, { gateway }: Stage, options: Parameters<Visitor>[0] = {}) {
  const visited = await visit(options)
  const strangers: string[] = []
  await visited.page.context().route(
    ({ origin, protocol }) => origin !== gateway.url && protocol !== 'blob:',
    async (route) => {
      strangers.push(route.request().url())
      await route.abort()
    },
  )
  await visited.page.goto(`${gateway.url}/graphql`)
  return { ...visited, strangers }
}

/** Runs what is in the editor; returns what the result pane shows. GraphiQL knows a new tab's operation after a while only. */
async function run(page: Page): Promise<string> {
  await page.getByRole('button', { name: /^Execute query/ }).click()
  const answer = page.getByRole('region', { name: 'Result Window' })
  await answer.getByText('{').first().waitFor()
  return (await answer.innerText()).replace(/\s+/g, ' ')
}

const patience = { timeout: 8_000, interval: 200 }

/** Puts a document into the editor, as pasting does: nothing is completed on the way. */
async function write(page: Page, document: string): Promise<void> {
  await page.getByRole('region', { name: 'Operation Editor' }).getByRole('code').click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(document)
  await page.keyboard.press('Escape')
}
