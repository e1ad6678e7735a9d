/**
 * The texts of LINE's refusals that are documented or were seen. Only for the log: a known text holds no credential, so a
 * word that a caller sent may occur in it, and the log is sampled by it.
 */
export const lineTexts: ReadonlySet<string> = new Set([
  // POST /oauth2/v2.1/token
  'invalid authorization code',
  'invalid code_verifier',
  'redirect_uri does not match',
  'invalid refresh token',
  'invalid refresh_token',
  'invalid client_secret',
  'some parameters missed or invalid',
  'some parameters in the wrong format',
  // GET /oauth2/v2.1/verify
  'The access token not JWS',
  'The access token expired',
  'The access token revoked',
  'The access token malformed',
  'access token expired',
  'access_token invalid',
  'access_token in invalid format',
  // POST /oauth2/v2.1/verify
  'Invalid IdToken.',
  'Invalid IdToken Issuer.',
  'IdToken expired.',
  'Invalid IdToken Audience.',
  'Invalid IdToken Nonce.',
  'Invalid IdToken Subject Identifier.',
  'JWS format error',
  'JWS verification failed',
  // The resource endpoints and deauthorize
  'invalid token',
  'Access Denied',
  'Not enough permission',
  'There is no login bot linked to this channel.',
  'Bot not found',
  'LOGIN_MULTI_LINKED_BOT_PROMPT feature license is required.',
  '[liffAccessToken] must not be blank',
  'Not Found',
  // The pages of the authorization endpoint
  'The resource owner denied the request.',
  '400 Bad Request. Invalid redirect_uri value. Check if it is registered in a LINE developers site.',
  '400 Bad Request. This channel is now developing status. User need to have developer role.',
])
