import { isRedirectUri, redirectUriRule } from '../config/uri-rules.ts'
import type { Context } from './context.ts'
import { BadUserInput } from './errors.ts'

/** Checks of arguments before LINE is called. Each throws `BadUserInput` with the argument's name. */

const longestCredential = 4_096
const longestNonce = 1_000

/** Codes and refresh tokens are opaque: only their length can be checked. LINE sends far shorter ones than the limit. */
export function assertCredential(argument: string, value: string): void {
  if (value === '') throw new BadUserInput(argument, 'is empty')
  if (value.length > longestCredential)
    throw new BadUserInput(argument, `is longer than ${longestCredential} characters`)
}

export function assertNonce(nonce: string | null | undefined): void {
  if (nonce == null) return
  if (nonce === '') throw new BadUserInput('nonce', 'is empty')
  if (nonce.length > longestNonce) throw new BadUserInput('nonce', `is longer than ${longestNonce} characters`)
}

/** RFC 7636 section 4.1. */
export function assertCodeVerifier(codeVerifier: string | null | undefined): void {
  if (codeVerifier == null || /^[\w.~-]{43,128}$/.test(codeVerifier)) return
  throw new BadUserInput('codeVerifier', 'must be 43 to 128 of the characters A-Z a-z 0-9 - . _ ~')
}

/**
 * Where redirect URIs are configured, the URI must equal one of them (RFC 9700 section 2.1). Otherwise it must be one that
 * could be configured.
 */
export function assertRedirectUri(redirectUri: string, { services }: Context): void {
  if (services.redirectUris.includes(redirectUri)) return
  if (services.redirectUris.length > 0)
    throw new BadUserInput('redirectUri', 'is not one of the redirect URIs that this gateway accepts')
  if (!isRedirectUri(redirectUri)) throw new BadUserInput('redirectUri', redirectUriRule)
}

/** LINE requires `profile` or `openid`, and `openid` for `email`. Other scopes are opaque words (RFC 6749 section 3.3). */
export function assertScopes(scopes: readonly string[]): void {
  if (scopes.length > 50 || !scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(scope))) {
    throw new BadUserInput('scopes', 'must be at most 50 words of 1 to 100 characters without spaces or quotes')
  }
  if (!scopes.includes('profile') && !scopes.includes('openid')) {
    throw new BadUserInput('scopes', 'must contain "profile" or "openid"')
  }
  if (scopes.includes('email') && !scopes.includes('openid')) {
    throw new BadUserInput('scopes', 'must contain "openid" if it contains "email"')
  }
}

export function assertMaxAge(maxAge: number | null | undefined): void {
  if (maxAge != null && maxAge < 0) throw new BadUserInput('maxAge', 'must not be negative')
}

/** Checks only the form of the language tags (RFC 5646). */
export function assertUiLocales(uiLocales: readonly string[] | null | undefined): void {
  if (uiLocales == null) return
  const isTag = (tag: string) => /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$/.test(tag)
  if (uiLocales.length > 20 || !uiLocales.every(isTag)) {
    throw new BadUserInput('uiLocales', 'must be at most 20 language tags, such as "ja" or "en-GB"')
  }
}

export function assertInitialAmrDisplay(amr: string | null | undefined): void {
  if (amr == null || /^[a-z]{1,30}$/.test(amr)) return
  throw new BadUserInput('initialAmrDisplay', 'must be a word of 1 to 30 lower-case letters, such as "lineqr"')
}
