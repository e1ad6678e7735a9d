/** The user of a LINE access token or ID token, or undefined. Rejects if the gateway cannot say: then answer 503. */
export async function userOf(token, { gateway, clientId, clientSecret }) {
  const response = await fetch(`${gateway}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: clientId, client_secret: clientSecret }),
  })
  if (response.status !== 200) throw new Error(`the gateway answered ${response.status}`)
  const { active, sub, scope } = await response.json()
  return active ? { userId: sub, scope } : undefined
}
