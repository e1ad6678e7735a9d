/** The answer of an endpoint. `send` adds LINE's common headers. */
export type LineResponse = { status: number; headers: Readonly<Record<string, string>>; body: string }

export const JSON_TYPE = 'application/json;charset=UTF-8'

const jsonHeaders = { 'content-type': JSON_TYPE }
const noHeaders = {}

export function json(body: unknown, status = 200): LineResponse {
  return { status, headers: jsonHeaders, body: JSON.stringify(body) }
}

/** The error body of token, verify and revoke. */
export function oauthError(error: string, description?: string): LineResponse {
  return json(description === undefined ? { error } : { error, error_description: description }, 400)
}

/** The error body of the resource endpoints and of deauthorize. */
export function refusal(status: 400 | 401 | 403 | 404 | 405 | 413 | 421 | 500, message: string): LineResponse {
  return json({ message }, status)
}

export function empty(status: 200 | 204): LineResponse {
  return { status, headers: noHeaders, body: '' }
}

export function redirect(location: string): LineResponse {
  return { status: 302, headers: { location }, body: '' }
}

export const missingParameters = oauthError('invalid_request', 'some parameters missed or invalid')
export const wrongFormat = oauthError('invalid_request', 'some parameters in the wrong format')
export const wrongSecret = oauthError('invalid_client', 'invalid client_secret')
