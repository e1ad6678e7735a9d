import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

export type Tab = { readonly query: string; readonly variables?: string; readonly headers?: string }

export type GraphiqlPage = {
  /** The whole page, compressed; it loads nothing from anywhere. */
  html(): Promise<Buffer>
}

/** Only what the page brings along may run, and only this process may be asked. */
export const contentSecurityPolicy = [
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

/** What to begin with: the one sentence everybody writes, and a few that follow from it. */
export function sampleTabs(demo?: {
  readonly accessToken: string
  readonly refreshToken: string
  readonly redirectUri: string
}): Tab[] {
  const headers = JSON.stringify({ Authorization: `Bearer ${demo?.accessToken ?? 'YOUR_ACCESS_TOKEN'}` }, null, 2)
  const samples: readonly [query: string, variables?: Record<string, unknown>][] = [
    [viewerSample],
    [verifySample, { accessToken: demo?.accessToken ?? '' }],
    [refreshSample, { input: { refreshToken: demo?.refreshToken ?? '' } }],
    [startSample, { input: { redirectUri: demo?.redirectUri ?? '' } }],
    [exchangeSample, { input: { code: '', redirectUri: demo?.redirectUri ?? '', codeVerifier: '', nonce: '' } }],
  ]
  return samples.map(([query, variables]) => ({
    query,
    headers,
    ...(variables && { variables: JSON.stringify(variables, null, 2) }),
  }))
}

const viewerSample = `# Whose access token is in the headers?
query WhoAmI {
  viewer {
    displayName
    pictureUrl(size: SMALL)
    statusMessage
    accessToken {
      scopes
      expiresAt
    }
  }
}
`

const verifySample = `# Is a token that a client sent us good?
query Verify($accessToken: String!) {
  verifyAccessToken(accessToken: $accessToken) {
    active
    reason
    expiresIn
    viewer {
      id
    }
  }
}
`

const refreshSample = `# A new access token for a refresh token
mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) {
    accessToken
    expiresAt
    refreshToken
  }
}
`

const startSample = `# Send a user to this URL, and keep the rest
# until they come back
mutation StartLogin($input: StartLoginInput!) {
  startLogin(input: $input) {
    authorizationUrl
    state
    nonce
    codeVerifier
  }
}
`

const exchangeSample = `# Tokens for the code a user came back with
mutation Exchange($input: ExchangeLoginInput!) {
  exchangeLogin(input: $input) {
    tokens {
      accessToken
      refreshToken
      expiresAt
    }
    viewer {
      displayName
    }
    idTokenClaims {
      sub
      name
    }
  }
}
`
