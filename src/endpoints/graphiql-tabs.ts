/** One tab that GraphiQL opens with. `variables` and `headers` are JSON. */
export type Tab = { readonly query: string; readonly variables?: string; readonly headers?: string }

/** The sample operations. With `demo` they are ready to run; without it they have placeholders. */
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

const viewerSample = `# The user of the token in Headers
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

const verifySample = `# Check an access token of a client
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

const refreshSample = `# Get a new access token
mutation NewTokens($input: RefreshTokenInput!) {
  refreshToken(input: $input) {
    accessToken
    expiresAt
    refreshToken
  }
}
`

const startSample = `# Send the user to authorizationUrl.
# Keep the other values for exchangeLogin.
mutation StartLogin($input: StartLoginInput!) {
  startLogin(input: $input) {
    authorizationUrl
    state
    nonce
    codeVerifier
  }
}
`

const exchangeSample = `# Exchange a login code for tokens.
# LINE adds the code to redirectUri. startLogin gave the rest.
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
