import { html } from '../http/html.ts'
import { type LineResponse, redirect } from '../http/line-response.ts'
import { page } from '../http/page.ts'
import { ISSUER, signJwt } from '../platform/id-token.ts'
import type { Callback } from './authorization-request.ts'

/** Sends the browser back to the app, in the response mode of the request. `now` is epoch ms. */
export function returnTo(callback: Callback, result: Readonly<Record<string, string>>, now: number): LineResponse {
  const { responseMode, redirectUri, state } = callback
  const parameters: Record<string, string> = state === undefined ? { ...result } : { ...result, state }
  const sent = responseMode.endsWith('jwt') ? { response: signedResponse(callback, parameters, now) } : parameters
  return responseMode.startsWith('form_post') ? postForm(redirectUri, sent) : redirect(withQuery(redirectUri, sent))
}

function withQuery(redirectUri: string, parameters: Readonly<Record<string, string>>): string {
  const { href } = new URL(redirectUri)
  return `${href}${href.includes('?') ? '&' : '?'}${new URLSearchParams(parameters)}`
}

/** JARM. LINE documents the header of this JWT (HS256) but not its claims, so the claims follow the standard. */
function signedResponse({ channel }: Callback, parameters: Readonly<Record<string, string>>, now: number): string {
  return signJwt({ iss: ISSUER, aud: channel.id, exp: Math.floor(now / 1000) + 600, ...parameters }, channel, undefined)
}

function postForm(redirectUri: string, parameters: Readonly<Record<string, string>>): LineResponse {
  const fields = Object.entries(parameters).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  const form = html`<h1>Return to the app</h1>
<form method="post" action="${redirectUri}">${fields}<button class="main">Continue</button></form>`
  return page('Return to the app', form, { script: 'submit.js' })
}
