/** The path of the redirect URI of the demo login. */
export const callbackPath = '/dev/callback'

/** The page shows the code of a login. The user exchanges it with a button on the page, or by hand in GraphiQL. */
export const callbackPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Back from LINE</title>
<style>
  :root { color-scheme: light dark; --ink: #1b1f23; --paper: #fff; --ground: #eef2f0; --rule: #d5dcd8; --quiet: #57605b; --green: #067a3a; --on-green: #fff }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8ecea; --paper: #1d2220; --ground: #121514; --rule: #39413d; --quiet: #a3ada8; --green: #3ddc84; --on-green: #06210f } }
  * { box-sizing: border-box }
  body { margin: 0; padding: 2rem 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
  main { max-width: 46rem; margin: 0 auto; padding: 1.5rem; background: var(--paper); border: 1px solid var(--rule); border-radius: .75rem }
  main > :last-child { margin-bottom: 0 }
  h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25 }
  a { color: var(--green) }
  pre, code, input { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere }
  pre { margin: 1rem 0; padding: .75rem; line-height: 1.4; white-space: pre-wrap; background: var(--ground); border-radius: .5rem }
  label { display: block; margin: .5rem 0 }
  input { display: block; width: 100%; padding: .5rem .75rem; color: inherit; background: var(--paper); border: 1px solid var(--quiet); border-radius: .5rem }
  button { min-height: 2.75rem; padding: .6rem 1rem; font: inherit; font-weight: 600; color: var(--on-green); background: var(--green); border: 0; border-radius: .5rem; cursor: pointer }
  button:disabled { opacity: .6; cursor: default }
  :focus-visible { outline: 3px solid var(--green); outline-offset: 2px }
</style>
</head>
<body>
<main>
  <h1>Back from LINE</h1>
  <p id="what">This page needs JavaScript.</p>
  <form id="exchange" hidden>
    <p>A code works once, and for ten minutes. If you started the login with <code>startLogin</code>, compare the state
    and enter the other values that <code>startLogin</code> returned:</p>
    <label>Code verifier <input id="codeVerifier" autocomplete="off" spellcheck="false"></label>
    <label>Nonce <input id="nonce" autocomplete="off" spellcheck="false"></label>
    <p>These are the variables of <code>exchangeLogin</code>. You can also use them in <a href="/graphql">GraphiQL</a>:</p>
    <pre id="variables"></pre>
    <button>Exchange the code</button>
    <pre id="answer" aria-live="polite" hidden></pre>
  </form>
  <p id="again" hidden>To try again, run <code>startLogin</code> in <a href="/graphql">GraphiQL</a>.</p>
</main>
<script>
  const at = (id) => document.getElementById(id)
  const pretty = (value) => JSON.stringify(value, null, 2)
  const parameters = new URLSearchParams(location.search)
  const code = parameters.get('code')
  const query = 'mutation Exchange($input: ExchangeLoginInput!) { exchangeLogin(input: $input) {' +
    ' viewer { id displayName } tokens { accessToken refreshToken expiresAt } idTokenClaims { sub name } } }'

  at('what').textContent = code
    ? 'LINE sent a code, and the state "' + parameters.get('state') + '".'
    : 'No login: ' + (parameters.get('error') || 'LINE sent no code') + '. ' + (parameters.get('error_description') || '')
  at('exchange').hidden = !code
  at('again').hidden = Boolean(code)
  at('exchange').addEventListener('input', showVariables)
  at('exchange').addEventListener('submit', exchange)
  showVariables()

  function variables() {
    const input = { code, redirectUri: location.origin + location.pathname }
    for (const name of ['codeVerifier', 'nonce']) if (at(name).value.trim()) input[name] = at(name).value.trim()
    return { input }
  }

  function showVariables() {
    at('variables').textContent = pretty(variables())
  }

  async function exchange(event) {
    event.preventDefault()
    event.submitter.disabled = true
    at('answer').textContent = 'Sending …'
    at('answer').hidden = false
    try {
      const body = JSON.stringify({ query, variables: variables() })
      const response = await fetch('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      at('answer').textContent = pretty(await response.json())
    } catch (error) {
      at('answer').textContent = String(error)
    }
    event.submitter.disabled = false
  }
</script>
</body>
</html>
`
