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
  const html = renderGraphiQL({
    title: 'LINE GraphQL Gateway',
    endpoint: '/graphql',
    defaultTabs: tabs.map((tab) => ({ ...tab })),
    ...(tabs[0] && { defaultQuery: tabs[0].query }),
  })
  return promisify(gzip)(html)
}

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
    [exchangeSample, { input: { code: '', redirectUri: demo?.redirectUri ?? '' } }],
  ]
  return samples.map(([query, variables]) => ({
    query,
    headers,
    ...(variables && { variables: JSON.stringify(variables, null, 2) }),
  }))
}

const viewerSample = `# Who is the user of the access token in the headers below?
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
query IsItGood($accessToken: String!) {
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

const startSample = `# Where to send a user to log in, and what to keep until they come back
mutation Start($input: StartLoginInput!) {
  startLogin(input: $input) {
    authorizationUrl
    state
    nonce
    codeVerifier
  }
}
`

const exchangeSample = `# The code a user came back with, for tokens
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
      email
    }
  }
}
`
