import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { HeaderList } from '../http/send.ts'
import type { Tab } from './graphiql-tabs.ts'

export type GraphiqlPage = {
  /** The whole page, compressed; it loads nothing from anywhere. */
  html(): Promise<Buffer>
}

/** Only scripts of the page itself may run, and only this process may be called. */
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

/** GraphiQL, served from this process. The nine megabytes are loaded and compressed when first asked for. */
export function createGraphiqlPage(tabs: () => readonly Tab[]): GraphiqlPage {
  let page: Promise<Buffer> | undefined
  return {
    html() {
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
    // GraphiQL shows these in its first tab, whatever the tab says, and in every new one.
    ...(tabs[0]?.headers !== undefined && { headers: tabs[0].headers }),
    ...keepsNothing,
  }
  return promisify(gzip)(renderGraphiQL(options).replace('</head>', `${steadyTabs}</head>`))
}

/** GraphiQL takes its first tabs for dragged to the far right: pressed, one jumps there and the click is lost. */
const steadyTabs = '<style>.graphiql-tab { transform: none !important }</style>'

/** Tokens belong neither into the browser's storage nor into its address bar, and those of the last start are of no use. */
const keepsNothing = { storage: null, onEditQuery: null }

const logo =
  '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#067a3a"/><g fill="#fff" stroke="#fff" stroke-width="2"><path d="M16 8.5 9 22.5h14Z" fill="none"/><circle cx="16" cy="8.5" r="2.5"/><circle cx="9" cy="22.5" r="2.5"/><circle cx="23" cy="22.5" r="2.5"/></g></svg>'
