import type { Cell, Name } from './forgetting-cells.ts'
import type { GraphqlError, Reply, RunningGateway } from './running-gateway.ts'
import { web } from './running-gateway.ts'

export const redirectUri = 'https://app.example/callback'

/** What answers operations: a gateway in this process, or a replica in a process of its own. */
export type Asker = Pick<RunningGateway, 'ask'>

/** A gateway and the LINE behind it. */
export type Opener = Pick<RunningGateway, 'ask' | 'emulator' | 'issue'>

export type Session = { readonly accessToken: string; readonly refreshToken: string }

/** What one question about a credential brought. */
export type Reaction = 'served' | 'refused' | 'unavailable'

/** Opens a session of this user as `origin` says. The gateway has learned of it what its own answers told it. */
export async function open(gateway: Opener, userId: string, origin: Cell['origin']): Promise<Session> {
  if (origin === 'login') return login(gateway, userId, 'profile openid')
  if (origin === 'login without openid') return login(gateway, userId, 'profile')
  const { accessToken, refreshToken = '' } = gateway.issue({ userId })
  if (origin === 'seen') return { accessToken, refreshToken }
  return sessionIn((await refresh(gateway, refreshToken)).data?.refreshToken)
}

export async function login(gateway: Opener, userId: string, scope: string): Promise<Session> {
  return sessionIn(loginIn(await exchange(gateway, gateway.emulator.issueCode({ userId, scope, redirectUri }))))
}

export function exchange(gateway: Asker, code: string): Promise<Reply> {
  const query = `mutation ($input: ExchangeLoginInput!) {
    exchangeLogin(input: $input) { tokens { accessToken refreshToken } }
  }`
  return gateway.ask(query, { variables: { input: { code, redirectUri } } })
}

export function refresh(gateway: Asker, refreshToken: string): Promise<Reply> {
  const query = `mutation ($input: RefreshTokenInput!) {
    refreshToken(input: $input) { accessToken refreshToken }
  }`
  return gateway.ask(query, { variables: { input: { refreshToken } } })
}

export function verify(gateway: Asker, token: string): Promise<Reply> {
  const query = 'query ($token: String!) { verifyAccessToken(accessToken: $token) { active } }'
  return gateway.ask(query, { variables: { token } })
}

/** The act of a cell, by the session of the phone, of the laptop or of the bystander. */
export function perform(gateway: Asker, cell: Cell, tokens: ReadonlyMap<Name, string>): Promise<Reply> {
  const accessToken = tokens.get('access') ?? ''
  const refreshToken = tokens.get('refresh')
  switch (cell.act) {
    case 'logout with refresh token':
      return logout(gateway, accessToken, refreshToken)
    case 'logout':
      return logout(gateway, accessToken)
    case 'revoke access token':
      return revoke(gateway, { accessToken })
    case 'revoke refresh token':
      return revoke(gateway, { refreshToken })
    case 'deauthorize':
      return deauthorize(gateway, accessToken)
    case 'deauthorize on the laptop':
      return deauthorize(gateway, tokens.get('laptop access') ?? '')
    case 'deauthorize by another user':
      return deauthorize(gateway, tokens.get('bystander access') ?? '')
  }
}

export function logout(gateway: Asker, token: string, refreshToken?: string): Promise<Reply> {
  const query = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
  return gateway.ask(query, refreshToken === undefined ? { token } : { token, variables: { input: { refreshToken } } })
}

/** `input`: the access token or the refresh token. */
export function revoke(gateway: Asker, input: object): Promise<Reply> {
  const query = 'mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }'
  return gateway.ask(query, { variables: { input } })
}

export function deauthorize(gateway: Asker, token: string): Promise<Reply> {
  return gateway.ask('mutation { deauthorize { deauthorized } }', { token })
}

/** The ways to use an access token, each in a request of its own: the verification alone comes first. */
export const uses = {
  verifyAccessToken: async (gateway: Asker, token: string): Promise<Reaction> => {
    const reply = await verify(gateway, token)
    const verification = reply.data?.verifyAccessToken as { readonly active: boolean } | null | undefined
    if (verification == null) return reactionTo(reply.errors)
    return verification.active ? 'served' : 'refused'
  },
  'viewer { accessToken }': (gateway: Asker, token: string) => view(gateway, token, 'accessToken { expiresAt }'),
  'viewer { id }': (gateway: Asker, token: string) => view(gateway, token, 'id'),
  'viewer { displayName }': (gateway: Asker, token: string) => view(gateway, token, 'displayName'),
}

export const refreshUse = {
  refreshToken: async (gateway: Asker, token: string): Promise<Reaction> => {
    const { data, errors } = await refresh(gateway, token)
    return data?.refreshToken == null ? reactionTo(errors) : 'served'
  },
}

async function view(gateway: Asker, token: string, selection: string): Promise<Reaction> {
  const { data, errors } = await gateway.ask(`{ viewer { ${selection} } }`, { token })
  return data?.viewer == null ? reactionTo(errors) : 'served'
}

function reactionTo(errors: readonly GraphqlError[]): Reaction {
  const code = errors[0]?.extensions.code
  return code === 'UNAUTHENTICATED' || code === 'INVALID_GRANT' ? 'refused' : 'unavailable'
}

/** Whether LINE itself refuses the credential. The call does not go through the gateway. */
export async function isEndedAtLine({ emulator }: Opener, name: Name, token: string): Promise<boolean> {
  if (!name.endsWith('refresh')) {
    const { status } = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)
    return status !== 200
  }
  const form = { grant_type: 'refresh_token', refresh_token: token, client_id: web.id, client_secret: web.secret }
  const body = new URLSearchParams(form)
  const { status } = await fetch(`${emulator.url}/oauth2/v2.1/token`, { method: 'POST', body })
  return status !== 200
}

function loginIn({ data }: Reply): unknown {
  return (data?.exchangeLogin as { readonly tokens: unknown } | null | undefined)?.tokens
}

export function sessionIn(tokens: unknown): Session {
  const { accessToken, refreshToken } = (tokens ?? {}) as Partial<Session>
  if (accessToken === undefined || refreshToken === undefined) throw new Error('LINE gave no tokens')
  return { accessToken, refreshToken }
}
