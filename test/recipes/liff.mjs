/** Exchanges the ID token of LIFF (`liff.getIDToken()`) for a JWT that your own API verifies. */
export async function apiTokenFor(idToken, { gateway, audience }) {
  if (!idToken) throw new Error('LIFF has no ID token: give the LIFF app the scope openid')
  const response = await fetch(`${gateway}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: idToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience,
    }),
  })
  const answer = await response.json()
  if (answer.error === 'invalid_request') throw new Error('Log in again: liff.logout(), then liff.login()')
  if (response.status !== 200) throw new Error(`Not now (${answer.error}): the user stays logged in`)
  return answer.access_token // good for answer.expires_in seconds
}
