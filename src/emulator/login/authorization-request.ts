import type { Channel } from '../platform/accounts.ts'

/** An authorization request that can continue with the login page. */
export type AuthorizationRequest = {
  channel: Channel
  callback: Callback
  scopes: readonly string[]
  nonce: string | undefined
  prompt: string | undefined
  /** Seconds. */
  maxAge: number | undefined
  codeChallenge: string | undefined
  /** `normal` or `aggressive`: the consent page offers to add the official account as a friend. */
  botPrompt: string | undefined
  startsWithQr: boolean
  allowsAutoLogin: boolean
}

/** The address that the browser returns to, and the way it returns. */
export type Callback = { channel: Channel; redirectUri: string; responseMode: string; state: string | undefined }

/** The documented error codes of the callback. LINE writes them in upper case. */
export type CallbackError =
  | 'INVALID_REQUEST'
  | 'ACCESS_DENIED'
  | 'UNSUPPORTED_RESPONSE_TYPE'
  | 'INVALID_SCOPE'
  | 'LOGIN_REQUIRED'
  | 'INTERACTION_REQUIRED'

export type AuthorizationCheck =
  | { outcome: 'accepted'; request: AuthorizationRequest }
  /** The browser must not go to the redirect URI. LINE shows an error page. */
  | { outcome: 'refused'; reason: string }
  | { outcome: 'returned'; callback: Callback; error: CallbackError; description: string }

const scopeNames = ['profile', 'openid', 'email', 'real_name', 'gender', 'birthdate', 'phone', 'address']
const responseModes = ['query', 'form_post', 'query.jwt', 'form_post.jwt', 'jwt']

/** Checks the query string of `GET /oauth2/v2.1/authorize`. */
export function checkAuthorization(query: string, channels: ReadonlyMap<string, Channel>): AuthorizationCheck {
  const given = new URLSearchParams(query)
  const channel = channels.get(given.get('client_id') ?? '')
  if (channel === undefined) return { outcome: 'refused', reason: 'Invalid client_id value.' }
  const redirectUri = given.get('redirect_uri') ?? ''
  if (!isRegistered(redirectUri, channel)) return { outcome: 'refused', reason: unregistered }
  const [responseMode, state] = [given.get('response_mode') ?? 'query', given.get('state') ?? undefined]
  const callback = { channel, redirectUri, responseMode, state }
  const mistake = mistakeIn(given)
  if (mistake !== undefined) return { outcome: 'returned', callback, error: mistake[0], description: mistake[1] }
  return { outcome: 'accepted', request: { channel, callback, ...optionsIn(given) } }
}

function optionsIn(given: URLSearchParams): Omit<AuthorizationRequest, 'channel' | 'callback'> {
  return {
    scopes: scopesIn(given),
    nonce: given.get('nonce') ?? undefined,
    prompt: given.get('prompt') ?? undefined,
    maxAge: given.get('max_age') ? Number(given.get('max_age')) : undefined,
    codeChallenge: given.get('code_challenge') ?? undefined,
    botPrompt: given.get('bot_prompt') ?? undefined,
    startsWithQr: given.get('initial_amr_display') === 'lineqr',
    allowsAutoLogin: given.get('disable_auto_login') !== 'true',
  }
}

const unregistered = 'Invalid redirect_uri value. Check if it is registered in a LINE developers site.'

/** A registered URL, also with more parameters in its query. */
function isRegistered(redirectUri: string, { callbackUrls }: Channel): boolean {
  if (!URL.canParse(redirectUri) || redirectUri.includes('#')) return false
  if (/^(javascript|data):$/.test(new URL(redirectUri).protocol)) return false
  if (callbackUrls === undefined) return true
  return callbackUrls.some(
    (url) => redirectUri === url || redirectUri.startsWith(url + (url.includes('?') ? '&' : '?')),
  )
}

function mistakeIn(given: URLSearchParams): [CallbackError, string] | undefined {
  const is = (name: string, allowed: readonly string[]) => !given.has(name) || allowed.includes(given.get(name) ?? '')
  if (!is('response_mode', responseModes)) return ['INVALID_REQUEST', 'The response_mode is not supported.']
  if (!given.has('response_type')) return ['INVALID_REQUEST', 'The response_type is missing.']
  if (!is('response_type', ['code'])) return ['UNSUPPORTED_RESPONSE_TYPE', 'The response_type is not supported.']
  if (!given.get('state')) return ['INVALID_REQUEST', 'The state is missing.']
  if (!areScopes(scopesIn(given))) return ['INVALID_SCOPE', 'The requested scope is invalid or unknown.']
  if (!is('prompt', ['none', 'consent', 'login'])) return ['INVALID_REQUEST', 'The prompt is not supported.']
  if (!/^\d*$/.test(given.get('max_age') ?? '')) return ['INVALID_REQUEST', 'The max_age is not a number.']
  return challengeMistakeIn(given)
}

function challengeMistakeIn(given: URLSearchParams): [CallbackError, string] | undefined {
  if (!given.has('code_challenge') && !given.has('code_challenge_method')) return undefined
  if (given.get('code_challenge_method') !== 'S256')
    return ['INVALID_REQUEST', 'The code_challenge_method is not S256.']
  const isDigest = /^[\w-]{43}$/.test(given.get('code_challenge') ?? '')
  return isDigest ? undefined : ['INVALID_REQUEST', 'The code_challenge is not a SHA-256 digest in base64url.']
}

function scopesIn(given: URLSearchParams): string[] {
  return (given.get('scope') ?? '').split(' ').filter((name) => name !== '')
}

function areScopes(scopes: readonly string[]): boolean {
  if (!scopes.every((name) => scopeNames.includes(name))) return false
  if (scopes.includes('email') && !scopes.includes('openid')) return false
  return scopes.includes('profile') || scopes.includes('openid')
}
