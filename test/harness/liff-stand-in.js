/**
 * A stand-in for LINE's LIFF SDK, which no test can load: `globalThis.liff` with the functions that the recipe uses. As the
 * SDK does, it keeps the ID token when the page is loaded again. The page is outside LINE. The calls of `login` and `logout`
 * are in `liff-calls` of the session storage.
 */
;(() => {
  const kept = () => JSON.parse(localStorage.getItem('LIFF_STORE') ?? '{}')
  const note = (call) =>
    sessionStorage.setItem('liff-calls', `${sessionStorage.getItem('liff-calls') ?? ''} ${call}`.trim())

  globalThis.liff = {
    init,
    login,
    isInClient: () => false,
    isLoggedIn: () => kept().accessToken !== undefined,
    getIDToken: () => kept().idToken ?? null,
    getAccessToken: () => kept().accessToken ?? null,
    logout() {
      note('logout')
      localStorage.removeItem('LIFF_STORE')
    },
  }

  /** Back from the login page: gets the tokens. Keeps those that are there. */
  async function init() {
    const address = new URL(location.href)
    const isBack = address.searchParams.has('code')
    if (kept().accessToken === undefined && isBack) {
      const response = await fetch('/line/tokens', { method: 'POST' })
      localStorage.setItem('LIFF_STORE', await response.text())
    }
    address.searchParams.delete('code')
    if (isBack) history.replaceState(null, '', address)
  }

  function login({ redirectUri = location.href } = {}) {
    note('login')
    location.assign(`/line/authorize?redirect_uri=${encodeURIComponent(redirectUri)}`)
  }
})()
