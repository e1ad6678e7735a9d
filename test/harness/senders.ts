import { redirectUri } from './log-in.ts'
import { type RunningGateway, web } from './running-gateway.ts'

/** The tokens of a login. */
export type Login = { readonly tokens: { readonly accessToken: string; readonly refreshToken: string } }

/** In CORS_ORIGINS. */
export const allowedOrigin = 'https://app.example'

/** Short forms for requests to a gateway. `from`: the client address that a proxy forwards. */
export function createSenders(gateway: RunningGateway) {
  const issue = (request?: Parameters<RunningGateway['issue']>[0]) => gateway.issue(request)
  const token = (user = 0, scope?: string) =>
    issue({ userId: gateway.emulator.users[user]?.userId ?? '', ...(scope && { scope }) }).accessToken
  const ask = (text: string, bearer?: string, from?: string) =>
    gateway.ask(text, { token: bearer, ...(from && { headers: { 'x-forwarded-for': from } }) })
  const check = (accessToken: string, from?: string) =>
    ask(`{ verifyAccessToken(accessToken: "${accessToken}") { active } }`, undefined, from)
  const checkAll = (accessTokens: readonly string[]) =>
    gateway.ask('query ($accessTokens: [String!]!) { verifyAccessTokens(accessTokens: $accessTokens) { active } }', {
      variables: { accessTokens },
    })
  const name = (bearer: string) => ask('{ viewer { displayName } }', bearer)
  const apiToken = (bearer: string) => ask('{ viewer { apiToken { token } } }', bearer)
  const refresh = (refreshToken = '') =>
    ask(`mutation { refreshToken(input: { refreshToken: "${refreshToken}", channelId: "${web.id}" }) { accessToken } }`)
  const revoke = (input: string) => ask(`mutation { revokeToken(input: { ${input} }) { revoked } }`)
  const preflight = (path: string) =>
    gateway.send(path, {
      method: 'OPTIONS',
      headers: { origin: allowedOrigin, 'access-control-request-method': 'POST' },
    })
  const post = (body: string, type = 'application/json') =>
    gateway.send('/graphql', { method: 'POST', headers: { 'content-type': type }, body })

  return { issue, token, ask, check, checkAll, name, apiToken, refresh, revoke, preflight, post, expired, logIn }

  function expired(): string {
    const { accessToken } = issue()
    gateway.emulator.expireAccessToken(accessToken)
    return accessToken
  }

  async function logIn(code: string, selection: string, nonce?: string): Promise<Login> {
    const given = `code: "${code}", redirectUri: "${redirectUri}", channelId: "${web.id}"${nonce ? `, nonce: "${nonce}"` : ''}`
    const { data } = await ask(`mutation { exchangeLogin(input: { ${given} }) { ${selection} } }`)
    return data?.exchangeLogin as Login
  }
}
