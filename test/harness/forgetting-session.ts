import type { Cell, Name } from './forgetting-cells.ts'
import type { GraphqlError, Reply, RunningGateway } from './running-gateway.ts'
import { web } from './running-gateway.ts'

export const redirectUri = 'https://app.example/callback'

export type Session = { readonly accessToken: string; readonly refreshToken: string }

/** What one question about a credential brought. */
export type Reaction = 'served' | 'refused' | 'unavailable'

/** Opens a session of this user as `origin` says. The gateway has learned of it what its own answers told it. */
export async function open(gateway: RunningGateway, userId: string, origin: Cell['origin']): Promise<Session> {
  if (origin === 'login') return login(gateway, userId, 'profile openid')
  if (origin === 'login without openid') return login(gateway, userId, 'profile')
  const { accessToken, refreshToken = '' } = gateway.issue({ userId })
  if (origin === 'seen') return { accessToken, refreshToken }
  return sessionIn((await refresh(gateway, refreshToken)).data?.refreshToken)
}

export async function login(gateway: RunningGateway, userId: string, scope: string): Promise<Session> {
  return sessionIn(loginIn(await exchange(gateway, gateway.emulator.issueCode({ userId, scope, redirectUri }))))
}

export function exchange(gateway: RunningGateway, code: string): Promise<Reply> {
  const query = `mutation ($input: ExchangeLoginInput!) {
    exchangeLogin(input: $input) { tokens { accessToken refreshToken } }
  }`
  return gateway.ask(query, { variables: { input: { code, redirectUri } } })
}

export function refresh(gateway: RunningGateway, refreshToken: string): Promise<Reply> {
  const query = `mutation ($input: RefreshTokenInput!) {
    refreshToken(input: $input) { accessToken refreshToken }
  }`
  return gateway.ask(query, { variables: { input: { refreshToken } } })
}

export function verify(gateway: RunningGateway, token: string): Promise<Reply> {
  const query = 'query ($token: String!) { verifyAccessToken(accessToken: $token) { active } }'
  return gateway.ask(query, { variables: { token } })
}

/** The act of a cell, by the session of the phone, of the laptop or of the bystander. */
export function perform(gateway: RunningGateway, cell: Cell, tokens: ReadonlyMap<Name, string>): Promise<Reply> {
  const accessToken = tokens.get('access')
  const refreshToken = tokens.get('refresh')
  const revoke = 'mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }'
  const logout = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
  const deauthorize = 'mutation { deauthorize { deauthorized } }'
  switch (cell.act) {
    case 'logout with refresh token':
      return gateway.ask(logout, { token: accessToken, variables: { input: { refreshToken } } })
    case 'logout':
      return gateway.ask(logout, { token: accessToken })
    case 'revoke access token':
      return gateway.ask(revoke, { variables: { input: { accessToken } } })
    case 'revoke refresh token':
      return gateway.ask(revoke, { variables: { input: { refreshToken } } })
    case 'deauthorize':
      return gateway.ask(deauthorize, { token: accessToken })
    case 'deauthorize on the laptop':
      return gateway.ask(deauthorize, { token: tokens.get('laptop access') })
    case 'deauthorize by another user':
      return gateway.ask(deauthorize, { token: tokens.get('bystander access') })
  }
}

/** The ways to use an access token, each in a request of its own: the verification alone comes first. */
export const uses = {
  verifyAccessToken: async (gateway: RunningGateway, token: string): Promise<Reaction> => {
    const reply = await verify(gateway, token)
    const verification = reply.data?.verifyAccessToken as { readonly active: boolean } | null | undefined
    if (verification == null) return reactionTo(reply.errors)
    return verification.active ? 'served' : 'refused'
  },
  'viewer { accessToken }': (gateway: RunningGateway, token: string) =>
    view(gateway, token, 'accessToken { expiresAt }'),
  'viewer { id }': (gateway: RunningGateway, token: string) => view(gateway, token, 'id'),
  'viewer { displayName }': (gateway: RunningGateway, token: string) => view(gateway, token, 'displayName'),
}

export const refreshUse = {
  refreshToken: async (gateway: RunningGateway, token: string): Promise<Reaction> => {
    const { data, errors } = await refresh(gateway, token)
    return data?.refreshToken == null ? reactionTo(errors) : 'served'
  },
}

async function view(gateway: RunningGateway, token: string, selection: string): Promise<Reaction> {
  const { data, errors } = await gateway.ask(`{ viewer { ${selection} } }`, { token })
  return data?.viewer == null ? reactionTo(errors) : 'served'
}

function reactionTo(errors: readonly GraphqlError[]): Reaction {
  const code = errors[0]?.extensions.code
  return code === 'UNAUTHENTICATED' || code === 'INVALID_GRANT' ? 'refused' : 'unavailable'
}

/** Whether LINE itself refuses the credential. The call does not go through the gateway. */
export async function isEndedAtLine({ emulator }: RunningGateway, name: Name, token: string): Promise<boolean> {
  if (!name.endsWith('refresh')) {
    const { status } = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)
    return status !== 200
  }
  const form = { grant_type: 'refresh_token', refresh_token: token, client_id: web.id, client_secret: web.secret }
  const body = new URLSearchParams(form)
  const { status } = await fetch(`${emulator.url}/oauth2/v2.1/token`, { method: 'POST', body })
  return status !== 200
}

export function loginIn({ data }: Reply): unknown {
  return (data?.exchangeLogin as { readonly tokens: unknown } | null | undefined)?.tokens
}

export function sessionIn(tokens: unknown): Session {
  const { accessToken, refreshToken } = (tokens ?? {}) as Partial<Session>
  if (accessToken === undefined || refreshToken === undefined) throw new Error('LINE gave no tokens')
  return { accessToken, refreshToken }
}
