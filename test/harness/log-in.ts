import { request } from 'undici'
import type { Reply, RunningGateway } from './running-gateway.ts'

export const redirectUri = 'https://app.example/callback'

export type LoginRequest = {
  readonly authorizationUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly redirectUri: string
  readonly channelId: string
}

export const startLogin = `mutation ($input: StartLoginInput!) {
  startLogin(input: $input) { authorizationUrl state nonce codeVerifier redirectUri channelId }
}`

export const exchangeLogin = `mutation ($input: ExchangeLoginInput!) {
  exchangeLogin(input: $input) {
    tokens { accessToken tokenType expiresIn expiresAt refreshToken scopes }
    viewer { id displayName }
    idToken
    idTokenClaims { iss sub aud exp iat authTime nonce amr name picture email }
  }
}`

export async function begin(gateway: RunningGateway, input: object = {}): Promise<LoginRequest> {
  const { data, text } = await gateway.ask(startLogin, { variables: { input: { redirectUri, ...input } } })
  if (data == null) throw new Error(text)
  return data.startLogin as LoginRequest
}

/** Logs the user in at LINE's login page, in one step. Returns the address that LINE redirects to. */
async function visit(authorizationUrl: string, userId = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'): Promise<URL> {
  const page = new URL(authorizationUrl)
  const { headers, body } = await request(`${page.origin}/emulator/login${page.search}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ user: userId, decision: 'allow', email: 'on' }).toString(),
  })
  await body.dump()
  return new URL(String(headers.location))
}

/** A login up to its code. `input` is the input of `exchangeLogin`. */
export async function logIn(gateway: RunningGateway, input: object = {}) {
  const login = await begin(gateway, input)
  const back = await visit(login.authorizationUrl)
  const { nonce, codeVerifier } = login
  return { ...login, back, input: { code: back.searchParams.get('code') ?? '', redirectUri, nonce, codeVerifier } }
}

export function exchange(gateway: RunningGateway, input: object, query = exchangeLogin): Promise<Reply> {
  return gateway.ask(query, { variables: { input } })
}
