/** Where the demo login comes back to. */
export const callbackPath = '/dev/callback'

/** Shows the code a login came back with, ready to exchange: here with a button, or in GraphiQL by hand. */
export const callbackPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Back from LINE</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1d2129 }
  textarea, pre { width: 100%; box-sizing: border-box; font: 14px/1.4 ui-monospace, monospace; padding: .75rem; border: 1px solid #ccd; border-radius: 6px; background: #f7f8fa }
  textarea { height: 10rem }
  pre { white-space: pre-wrap; overflow-wrap: anywhere }
  button { font: inherit; padding: .5rem 1rem; border: 0; border-radius: 6px; background: #06c755; color: #fff; cursor: pointer }
</style>
<h1>Back from LINE</h1>
<p id="what"></p>
<div id="exchange" hidden>
  <p>These are the variables of <code>exchangeLogin</code>. A login that began with <code>startLogin</code> needs its
  <code>codeVerifier</code> and <code>nonce</code> too. A code is good once, and for ten minutes.</p>
  <textarea id="variables" aria-label="Variables of exchangeLogin" spellcheck="false"></textarea>
  <p><button id="go" type="button">Exchange the code</button> or paste them in <a href="/graphql">GraphiQL</a>.</p>
  <pre id="answer" aria-live="polite" hidden></pre>
</div>
<script>
  const came = new URLSearchParams(location.search)
  const show = (id, text) => { document.getElementById(id).textContent = text }
  const code = came.get('code')
  show('what', code
    ? 'LINE sent a code, and the state "' + came.get('state') + '".'
    : 'No login: ' + (came.get('error') || 'LINE sent no code') + '. ' + (came.get('error_description') || ''))
  if (code) {
    document.getElementById('exchange').hidden = false
    const input = { code, redirectUri: location.origin + location.pathname }
    document.getElementById('variables').value = JSON.stringify({ input }, null, 2)
  }
  document.getElementById('go').addEventListener('click', async () => {
    const query = 'mutation Exchange($input: ExchangeLoginInput!) { exchangeLogin(input: $input) {' +
      ' viewer { id displayName } tokens { accessToken refreshToken expiresAt } idTokenClaims { sub name } } }'
    document.getElementById('answer').hidden = false
    try {
      const body = JSON.stringify({ query, variables: JSON.parse(document.getElementById('variables').value) })
      const response = await fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      show('answer', JSON.stringify(await response.json(), null, 2))
    } catch (error) {
      show('answer', String(error))
    }
  })
</script>
</html>
`
