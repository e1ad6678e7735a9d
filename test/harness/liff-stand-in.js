/**
 * A stand-in for LINE's LIFF SDK, which no test can load: `globalThis.liff` with the functions that the recipe uses. As the
 * SDK does, it keeps the ID token when the page is loaded again, and `login()` does nothing inside LINE. `?in-client` in the
 * address means inside LINE. The calls of `login`, `logout` and `closeWindow` are in `liff-calls` of the session storage.
 */
;(() => {
  const kept = () => JSON.parse(localStorage.getItem('LIFF_STORE') ?? '{}')
  const isInClient = () => new URLSearchParams(location.search).has('in-client')
  const note = (call) =>
    sessionStorage.setItem('liff-calls', `${sessionStorage.getItem('liff-calls') ?? ''} ${call}`.trim())

  globalThis.liff = {
    init,
    login,
    isInClient,
    isLoggedIn: () => kept().accessToken !== undefined,
    getIDToken: () => kept().idToken ?? null,
    getAccessToken: () => kept().accessToken ?? null,
    logout() {
      note('logout')
      localStorage.removeItem('LIFF_STORE')
    },
    closeWindow: () => note('closeWindow'),
  }

  /** Inside LINE, or back from the login page: gets the tokens. Keeps those that are there. */
  async function init() {
    const address = new URL(location.href)
    const isBack = address.searchParams.has('code')
    if (kept().accessToken === undefined && (isBack || isInClient())) {
      const response = await fetch('/line/tokens', { method: 'POST' })
      localStorage.setItem('LIFF_STORE', await response.text())
    }
    address.searchParams.delete('code')
    if (isBack) history.replaceState(null, '', address)
  }

  function login({ redirectUri = location.href } = {}) {
    note('login')
    if (!isInClient()) location.assign(`/line/authorize?redirect_uri=${encodeURIComponent(redirectUri)}`)
  }
})()
