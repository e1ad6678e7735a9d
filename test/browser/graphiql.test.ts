import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type System, startSystem } from '../harness/browser-system.ts'
import { describeInChromium, type OpenPage } from '../harness/chromium.ts'

describeInChromium('GraphiQL', (openPage) => {
  let system: System

  beforeAll(async () => {
    system = await startSystem()
  })
  afterAll(() => system.close())

  it('with the demo token: shows the viewer and sends no request to other hosts', async () => {
    const { page, errors, otherHosts } = await open(openPage, system, readmeSize)
    await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Sakura Tanaka"/)
    if (process.env.PICTURES === 'write') await writePicture(page)
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    await page.getByRole('link', { name: 'Query' }).click()
    await page.getByRole('link', { name: 'viewer', exact: true }).click()
    await page.getByText("The LINE user of the request's").first().waitFor()
    expect(otherHosts).toEqual([])
    expect(errors).toEqual([])
  })

  it('below a path prefix of a proxy: shows the viewer (D9)', async () => {
    const proxy = createServer((from, to) => {
      const path = from.url?.replace('/api/line', '') ?? ''
      from.pipe(
        request(system.gateway.url + path, { method: from.method, headers: from.headers }, (answer) => {
          to.writeHead(answer.statusCode ?? 0, answer.headers)
          answer.pipe(to)
        }),
      )
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { page } = await openPage()
    await page.goto(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/api/line/graphql`)
    await expect.poll(() => run(page), longWait).toMatch(/"displayName": "Sakura Tanaka"/)
    proxy.closeAllConnections()
    proxy.close()
  })

  it('each sample: runs with its variables', async () => {
    const { page, errors } = await open(openPage, system)
    for (const [tab, expected] of [
      ['Verify', /"active": true/],
      ['Refresh', /"accessToken": "ey/],
      ['StartLogin', /"authorizationUrl": "http/],
      ['Exchange', /"code is empty"/],
      ['WhoAmI', /"Sakura Tanaka"/],
    ] as const) {
      await page.getByRole('tab', { name: tab }).getByRole('button', { name: tab }).click()
      await page.getByRole('tab', { name: tab, selected: true }).waitFor()
      await expect.poll(() => run(page), longWait).toMatch(expected)
    }
    expect(errors).toEqual([])
  })

  it('a new tab: has the demo token', async () => {
    const { page } = await open(openPage, system)
    await page.getByRole('button', { name: 'New tab' }).click()
    await page.getByRole('tab', { name: '<untitled>', selected: true }).waitFor()
    await write(page, 'query Mine { viewer { displayName } }')
    await expect.poll(() => run(page), longWait).toMatch(/"Sakura Tanaka"/)
  })

  it('stores nothing in the browser; a reload opens the samples again', async () => {
    const { page } = await open(openPage, system)
    await expect.poll(() => run(page), longWait).toMatch(/"Sakura Tanaka"/)
    await write(page, 'query Mine { viewer { id } }')
    await page.getByRole('tab', { name: 'Mine' }).waitFor()
    expect(await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie')).toBe('{}')
    expect(page.url()).toBe(`${system.gateway.url}/graphql`)

    await page.reload()
    await page.getByRole('tab', { name: 'WhoAmI', selected: true }).waitFor()
    await expect.poll(() => page.getByRole('tab').count(), longWait).toBe(5)
    await expect.poll(() => run(page), longWait).toMatch(/"Sakura Tanaka"/)
  })
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

/** Opens GraphiQL. The page can reach only the gateway. `otherHosts` has the URLs it requested from other hosts. */
async function open(openPage: OpenPage, { gateway }: System, options: Parameters<OpenPage>[0] = {}) {
  const opened = await openPage(options)
  const otherHosts: string[] = []
  await opened.page.context().route(
    ({ origin, protocol }) => origin !== gateway.url && protocol !== 'blob:',
    async (route) => {
      otherHosts.push(route.request().url())
      await route.abort()
    },
  )
  await opened.page.goto(`${gateway.url}/graphql`)
  return { ...opened, otherHosts }
}

/** Runs the document in the editor and returns the result. Poll it: GraphiQL needs time to read a new document. */
async function run(page: Page): Promise<string> {
  await page.getByRole('button', { name: /^Execute query/ }).click()
  const answer = page.getByRole('region', { name: 'Result Window' })
  // Short, so that a poll clicks again if the first click came too early.
  await answer.getByText('{').first().waitFor({ timeout: 5_000 })
  return (await answer.innerText()).replace(/\s+/g, ' ')
}

const longWait = { timeout: 60_000, interval: 200 }

/** Inserts a document into the editor at once, because typing would start completion. */
async function write(page: Page, document: string): Promise<void> {
  await page.getByRole('region', { name: 'Operation Editor' }).getByRole('code').click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(document)
  await page.keyboard.press('Escape')
}
