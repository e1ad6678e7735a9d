import { fileURLToPath } from 'node:url'
import { checks, type LineEndpoint } from './checks.ts'

/** What of LINE Login is here, by LINE's endpoints: the operation that uses each, and the checks it is held to. */
export type Row = {
  readonly endpoint: LineEndpoint
  readonly line: string
  /** A working operation, in one line; none for what nothing here needs. */
  readonly operation?: string
  /** `false` where the operation does without asking LINE. */
  readonly asked: boolean
  readonly remark?: string
  /** The ids of its checks begin with these. */
  readonly checks: readonly string[]
}

export const coverage: readonly Row[] = [
  {
    endpoint: 'authorize',
    line: 'GET /oauth2/v2.1/authorize',
    operation:
      'mutation { startLogin(input: { redirectUri: "https://app.example/callback" }) { authorizationUrl state nonce codeVerifier } }',
    asked: false,
    remark: 'the user’s browser goes there',
    checks: ['authorize'],
  },
  {
    endpoint: 'token',
    line: 'POST /oauth2/v2.1/token',
    operation:
      'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken refreshToken expiresAt } } }',
    asked: true,
    checks: ['token'],
  },
  {
    endpoint: 'token',
    line: 'POST /oauth2/v2.1/token',
    operation:
      'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken expiresAt } }',
    asked: true,
    checks: ['refresh'],
  },
  {
    endpoint: 'verify',
    line: 'GET /oauth2/v2.1/verify',
    operation:
      'query ($accessToken: String!) { verifyAccessToken(accessToken: $accessToken) { active reason channelId scopes expiresAt } }',
    asked: true,
    checks: ['verify', 'answers'],
  },
  {
    endpoint: 'verifyIdToken',
    line: 'POST /oauth2/v2.1/verify',
    operation: 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub aud name email } }',
    asked: false,
    remark: 'checked here instead',
    checks: ['verify-id-token', 'id-token'],
  },
  {
    endpoint: 'certs',
    line: 'GET /oauth2/v2.1/certs',
    operation: 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }',
    asked: true,
    remark: 'for native and LIFF channels',
    checks: ['certs'],
  },
  {
    endpoint: 'profile',
    line: 'GET /v2/profile',
    operation: '{ viewer { id displayName pictureUrl(size: LARGE) statusMessage } }',
    asked: true,
    checks: ['profile'],
  },
  {
    endpoint: 'userinfo',
    line: 'GET /oauth2/v2.1/userinfo',
    operation: '{ viewer { id } }',
    asked: true,
    remark: 'for tokens with `openid` alone',
    checks: ['userinfo'],
  },
  {
    endpoint: 'friendship',
    line: 'GET /friendship/v1/status',
    operation: '{ viewer { isFriend } }',
    asked: true,
    checks: ['friendship'],
  },
  {
    endpoint: 'revoke',
    line: 'POST /oauth2/v2.1/revoke',
    operation: 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }',
    asked: true,
    remark: 'or `revokeToken`',
    checks: ['revoke'],
  },
  {
    endpoint: 'channelToken',
    line: 'POST /oauth2/v3/token',
    operation: 'mutation { deauthorize { deauthorized } }',
    asked: true,
    remark: 'a stateless channel access token, kept',
    checks: ['channel-token'],
  },
  {
    endpoint: 'deauthorize',
    line: 'POST /user/v1/deauthorize',
    operation: 'mutation { deauthorize { deauthorized } }',
    asked: true,
    checks: ['deauthorize'],
  },
  {
    endpoint: 'discovery',
    line: 'GET /.well-known/openid-configuration',
    asked: false,
    remark: 'not used: it is silent about HS256, which web channels get',
    checks: ['discovery'],
  },
]

/** The table as markdown, without a line break at its end. */
export function coverageTable(): string {
  const rows = coverage.map(({ line, operation, remark, checks: prefixes }) => {
    const held = prefixes.map((prefix) => `\`${prefix}.*\` (${countOf(prefix)})`).join(', ')
    const used = operation === undefined ? '–' : `\`${operation}\``
    return `| \`${line}\`${remark === undefined ? '' : `: ${remark}`} | ${used} | ${held} |`
  })
  return ['| LINE | operation | checks |', '|---|---|---|', ...rows].join('\n')
}

/** `verify.answer` begins with `verify`, `verify-id-token.answer` does not. */
export function countOf(prefix: string): number {
  return checks.filter(({ id }) => id.startsWith(`${prefix}.`)).length
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${coverageTable()}\n`)
