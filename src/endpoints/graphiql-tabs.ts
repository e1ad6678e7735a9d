/** One tab that GraphiQL opens with. `variables` and `headers` are JSON. */
export type Tab = { readonly query: string; readonly variables?: string; readonly headers?: string }

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
