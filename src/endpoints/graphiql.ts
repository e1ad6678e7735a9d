import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { loopbackOnly } from '../http/loopback.ts'
import { RequestRefused } from '../http/read-request.ts'
import type { HeaderList } from '../http/send.ts'
import type { Tab } from './graphiql-tabs.ts'

export type GraphiqlPage = {
  /**
   * The whole page, compressed with gzip. The page loads nothing from other servers. Rejects with `RequestRefused` if the
   * page is not for this request.
   */
  html(request: IncomingMessage): Promise<Buffer>
}

/** Only scripts of the page itself can run, and they can call only this server. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  "style-src 'unsafe-inline'",
  'worker-src blob:',
  "img-src 'self' data:",
  'font-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const pageHeaders: HeaderList = [
  ['content-type', 'text/html; charset=utf-8'],
  ['content-encoding', 'gzip'],
  ['content-security-policy', contentSecurityPolicy],
  ['referrer-policy', 'no-referrer'],
].flat()

/** GraphiQL, served by this process. The first call of `html` loads and compresses its nine megabytes. */
export function createGraphiqlPage(
  tabs: () => readonly Tab[],
  isAllowed: (request: IncomingMessage) => boolean = () => true,
): GraphiqlPage {
  let page: Promise<Buffer> | undefined
  return {
    async html(request) {
      if (!isAllowed(request)) throw new RequestRefused(421, loopbackOnly)
      page ??= render(tabs())
      return page
    },
  }
}

async function render(tabs: readonly Tab[]): Promise<Buffer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const options = {
    title: 'LINE GraphQL Gateway',
    endpoint: '/graphql',
    logo,
    favicon: `data:image/svg+xml,${encodeURIComponent(logo)}`,
    defaultTabs: tabs.map((tab) => ({ ...tab })),
    // GraphiQL uses these headers in its first tab instead of the tab's own, and in every new tab.
    ...(tabs[0]?.headers !== undefined && { headers: tabs[0].headers }),
    ...noStorage,
  }
  return promisify(gzip)(renderGraphiQL(options).replace('</head>', `${steadyTabs}</head>`))
}

/** GraphiQL moves the first tabs to the far right on a click, as if they were dragged, and the click is lost. */
const steadyTabs = '<style>.graphiql-tab { transform: none !important }</style>'

/** Tokens must not be in the browser's storage or address bar. After a restart the stored tokens would not work anyway. */
const noStorage = { storage: null, onEditQuery: null }

const logo =
  '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#067a3a"/><g fill="#fff" stroke="#fff" stroke-width="2"><path d="M16 8.5 9 22.5h14Z" fill="none"/><circle cx="16" cy="8.5" r="2.5"/><circle cx="9" cy="22.5" r="2.5"/><circle cx="23" cy="22.5" r="2.5"/></g></svg>'
