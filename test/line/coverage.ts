import { fileURLToPath } from 'node:url'
import { checks, type LineEndpoint } from './checks.ts'

/**
 * Which parts of LINE Login the gateway covers. After a change, write the table again:
 *
 *   node test/line/coverage.ts > test/line/coverage.md
 */

/** An endpoint of LINE, a GraphQL operation that uses it, and its checks. */
export type Row = {
  readonly endpoint: LineEndpoint
  readonly line: string
  /** A working operation in one line. Absent if the gateway does not use the endpoint. */
  readonly operation?: string
  /** False if the operation works without a call to LINE. */
  readonly callsLine: boolean
  readonly remark?: string
  /** The first parts of the ids of its checks. */
  readonly checks: readonly string[]
}

export const coverage: readonly Row[] = [
  {
    endpoint: 'authorize',
    line: 'GET /oauth2/v2.1/authorize',
    operation:
      'mutation { startLogin(input: { redirectUri: "https://app.example/callback" }) { authorizationUrl state nonce codeVerifier } }',
    callsLine: false,
    remark: 'the user’s browser opens it',
    checks: ['authorize'],
  },
  {
    endpoint: 'token',
    line: 'POST /oauth2/v2.1/token',
    operation:
      'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken refreshToken expiresAt } } }',
    callsLine: true,
    checks: ['token'],
  },
  {
    endpoint: 'token',
    line: 'POST /oauth2/v2.1/token',
    operation:
      'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken expiresAt } }',
    callsLine: true,
    checks: ['refresh'],
  },
  {
    endpoint: 'verify',
    line: 'GET /oauth2/v2.1/verify',
    operation:
      'query ($accessToken: String!) { verifyAccessToken(accessToken: $accessToken) { active reason channelId scopes expiresAt } }',
    callsLine: true,
    checks: ['verify', 'answers'],
  },
  {
    endpoint: 'verifyIdToken',
    line: 'POST /oauth2/v2.1/verify',
    operation: 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub aud name email } }',
    callsLine: false,
    remark: 'the gateway checks ID tokens itself',
    checks: ['verify-id-token', 'id-token'],
  },
  {
    endpoint: 'certs',
    line: 'GET /oauth2/v2.1/certs',
    operation: 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }',
    callsLine: true,
    remark: 'for native and LIFF channels',
    checks: ['certs'],
  },
  {
    endpoint: 'profile',
    line: 'GET /v2/profile',
    operation: '{ viewer { id displayName pictureUrl(size: LARGE) statusMessage } }',
    callsLine: true,
    checks: ['profile'],
  },
  {
    endpoint: 'userinfo',
    line: 'GET /oauth2/v2.1/userinfo',
    operation: '{ viewer { id } }',
    callsLine: true,
    remark: 'for tokens with the scope `openid` only',
    checks: ['userinfo'],
  },
  {
    endpoint: 'friendship',
    line: 'GET /friendship/v1/status',
    operation: '{ viewer { isFriend } }',
    callsLine: true,
    checks: ['friendship'],
  },
  {
    endpoint: 'revoke',
    line: 'POST /oauth2/v2.1/revoke',
    operation: 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }',
    callsLine: true,
    remark: 'or `revokeToken`',
    checks: ['revoke'],
  },
  {
    endpoint: 'channelToken',
    line: 'POST /oauth2/v3/token',
    operation: 'mutation { deauthorize { deauthorized } }',
    callsLine: true,
    remark: 'a stateless channel access token, cached',
    checks: ['channel-token'],
  },
  {
    endpoint: 'deauthorize',
    line: 'POST /user/v1/deauthorize',
    operation: 'mutation { deauthorize { deauthorized } }',
    callsLine: true,
    checks: ['deauthorize'],
  },
  {
    endpoint: 'discovery',
    line: 'GET /.well-known/openid-configuration',
    callsLine: false,
    remark: 'not used, because it does not list HS256, which web channels get',
    checks: ['discovery'],
  },
]

/** The text of `coverage.md`. */
export function coverageText(): string {
  return `# LINE coverage

The table lists each endpoint of LINE Login, a GraphQL operation that uses it, and the ids and number of its checks.
The tests run these [checks](checks/) against the emulator, and \`npm run check:line\` runs them against LINE.

${coverageTable()}
`
}

/** The table in Markdown, without a line break at its end. */
export function coverageTable(): string {
  const rows = coverage.map(({ line, operation, remark, checks: prefixes }) => {
    const ids = prefixes.map((prefix) => `\`${prefix}.*\` (${countOf(prefix)})`).join(', ')
    const used = operation === undefined ? '–' : `\`${operation}\``
    return `| \`${line}\`${remark === undefined ? '' : `: ${remark}`} | ${used} | ${ids} |`
  })
  return ['| LINE | operation | checks |', '|---|---|---|', ...rows].join('\n')
}

/** How many check ids have this first part: `verify` counts `verify.answer`, but not `verify-id-token.answer`. */
export function countOf(prefix: string): number {
  return checks.filter(({ id }) => id.startsWith(`${prefix}.`)).length
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(coverageText())
