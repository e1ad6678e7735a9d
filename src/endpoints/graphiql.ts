import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip, gzip } from 'node:zlib'
import { prefersGzip } from '../http/content-negotiation.ts'
import { loopbackOnly } from '../http/loopback.ts'
import { RequestRefused } from '../http/read-request.ts'
import { type HeaderList, send, sendStream } from '../http/send.ts'
import type { Tab } from './graphiql-tabs.ts'

export type GraphiqlPage = {
  /**
   * Sends the page, which loads nothing from other servers. Resolves when it is sent. Rejects with `RequestRefused` if the
   * page is not for this request.
   */
  send(request: IncomingMessage, response: ServerResponse, more: HeaderList): Promise<void>
}

export type GraphiqlOptions = {
  readonly tabs: () => readonly Tab[]
  /** Default: the page is for all requests. */
  readonly isAllowed?: (request: IncomingMessage) => boolean
  /** The page loads `dev/graphiql.js` of this server, which adds the bar to log in. */
  readonly hasLoginBar?: boolean
}

/**
 * GraphiQL, served by this process. The first call of `send` loads its nine megabytes. They are kept compressed, and
 * unpacked piece by piece for the clients that do not accept gzip.
 */
export function createGraphiqlPage({
  tabs,
  isAllowed = () => true,
  hasLoginBar = false,
}: GraphiqlOptions): GraphiqlPage {
  const pageHeaders = headersOf(hasLoginBar)
  let page: Promise<Page> | undefined
  return { send: sendPage }

  async function sendPage(request: IncomingMessage, response: ServerResponse, more: HeaderList): Promise<void> {
    if (!isAllowed(request)) throw new RequestRefused(421, loopbackOnly)
    page ??= render(tabs(), hasLoginBar).catch((error) => {
      // There may have been too little memory. The next request tries again.
      page = undefined
      throw error
    })
    const { gzipped, bytes } = await page
    const head = { status: 200, headers: pageHeaders }
    if (prefersGzip(request.headers['accept-encoding'])) {
      send(response, { ...head, body: gzipped }, ['content-encoding', 'gzip', ...more])
    } else await sendStream(response, { ...head, body: unpacked(gzipped), bytes }, more)
  }
}

/** Only scripts of the page itself can run, with the login bar also files of this server. They can call only this server. */
function headersOf(hasLoginBar: boolean): HeaderList {
  const files = hasLoginBar ? " 'self'" : ''
  const policy = [
    "default-src 'none'",
    `script-src 'unsafe-inline' blob:${files}`,
    `style-src 'unsafe-inline'${files}`,
    'worker-src blob:',
    "img-src 'self' data:",
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  const type = ['content-type', 'text/html; charset=utf-8']
  // Browsers use it only on https and loopback. Elsewhere they log a warning.
  const alone = hasLoginBar ? ['cross-origin-opener-policy', 'same-origin'] : []
  return [...type, 'content-security-policy', policy, 'referrer-policy', 'no-referrer', ...alone]
}

/** `bytes`: the length of the page before the compression. */
type Page = { readonly gzipped: Buffer; readonly bytes: number }

async function render(tabs: readonly Tab[], hasLoginBar: boolean): Promise<Page> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const options = {
    title: 'LINE GraphQL Gateway',
    // Without an `endpoint` it is the path of the page itself, so it works below the path prefix of a proxy too.
    logo,
    favicon: `data:image/svg+xml,${encodeURIComponent(logo)}`,
    defaultTabs: tabs.map((tab) => ({ ...tab })),
    // Most tabs have variables to fill in.
    defaultEditorToolsVisibility: 'variables' as const,
    // GraphiQL uses these headers in its first tab instead of the tab's own, and in every new tab.
    ...(tabs[0]?.headers !== undefined && { headers: tabs[0].headers }),
    ...noStorage,
  }
  const page = renderGraphiQL(options).replace('</head>', `${phone}${steadyTabs}</head>`)
  const html = Buffer.from(hasLoginBar ? withLoginBar(page) : page)
  return { gzipped: await promisify(gzip)(html), bytes: html.length }
}

/** `dev/graphiql.js` opens GraphiQL in place of the page's own script, with the token of the login. */
function withLoginBar(page: string): string {
  return page
    .replace('globalAPI: false', 'globalAPI: true')
    .replace('YogaGraphiQL.renderYogaGraphiQL(', 'keepForLoginBar(')
    .replace('</head>', `${loginBar}</head>`)
}

/** The page is at `/graphql` or `/graphql/`, perhaps below a path prefix. */
const loginBar = `<script>
  function keepForLoginBar(root, options) { globalThis.graphiql = { root, options } }
</script>
<script type="module">
  import(new URL('dev/graphiql.js', location.href.replace(/[/]?([?#].*)?$/, '')))
</script>`

function unpacked(gzipped: Buffer): Readable {
  const stream = createGunzip({ chunkSize: 64 * 1024 })
  stream.end(gzipped)
  return stream
}

/** On a narrow screen the answer is below the question. */
const phone = `<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  @media (max-width: 640px) {
    .graphiql-container { --sidebar-width: 44px; height: 100dvh }
    #graphiql-session { flex-direction: column }
    #graphiql-session > div { min-height: 0; min-width: 0 }
    .graphiql-horizontal-drag-bar, .graphiql-logo span { display: none }
  }
</style>`

/** GraphiQL moves the first tabs to the far right on a click, as if they were dragged, and the click is lost. */
const steadyTabs = '<style>.graphiql-tab { transform: none !important }</style>'

/** Tokens must not be in the browser's storage or address bar. After a restart the stored tokens would not work anyway. */
const noStorage = { storage: null, onEditQuery: null }

const logo =
  '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#067a3a"/><g fill="#fff" stroke="#fff" stroke-width="2"><path d="M16 8.5 9 22.5h14Z" fill="none"/><circle cx="16" cy="8.5" r="2.5"/><circle cx="9" cy="22.5" r="2.5"/><circle cx="23" cy="22.5" r="2.5"/></g></svg>'
