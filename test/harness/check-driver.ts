import { request } from 'undici'

/** What a check may need: credentials, and (the last three) something that the runner must be able to do. */
export type Need =
  | 'channel'
  | 'secret'
  | 'redirectUri'
  | 'codeVerifier'
  /** Of the channel, with the scopes `profile openid`. */
  | 'accessToken'
  | 'refreshToken'
  /** With the scope `openid` only; with the scope `profile` only. */
  | 'openidToken'
  | 'profileToken'
  /** Granted with `openid email`. */
  | 'emailToken'
  | 'expiredToken'
  | 'revokedToken'
  /** Of another channel. */
  | 'foreignToken'
  /** Of a channel without a linked official account. */
  | 'unlinkedToken'
  /** Of a user without picture and status message. */
  | 'bareToken'
  | 'liffToken'
  /**
   * Authorization codes. `code`: scopes `profile openid`, with a PKCE challenge. `plainCode`: the same scopes, no
   * challenge. `profileCode`: scope `profile`. `emailCode`: scopes `openid email`.
   */
  | 'code'
  | 'plainCode'
  | 'profileCode'
  | 'emailCode'
  | 'nativeChannel'
  | 'nativeCode'
  | 'nativeAccessToken'
  | 'nativeRefreshToken'
  | 'nativeIdToken'
  | 'liffChannel'
  | 'liffCode'
  /** Not expired, of a login with `nonce` and the scopes `profile openid`. The user is that of `accessToken`. */
  | 'idToken'
  | 'nonce'
  | 'expiredIdToken'
  /** Signed by LINE, but with another issuer. */
  | 'alienIdToken'
  /** A user at LINE's login page; a clock that the check can move; a user who unlinks the app. */
  | 'browser'
  | 'clock'
  | 'user'

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The JSON object in `text`; an empty object if there is none. */
  readonly body: Readonly<Record<string, unknown>>
}

export type Form = Readonly<Record<string, string>>

/** How a check calls LINE: plain HTTP, no retries, no redirects, only with the credentials that it declares. */
export type Driver = {
  /** Throws if the check does not declare this need. */
  credential(need: Need): string
  /** Replaces a credential by a newer one. A value that is not a non-empty string changes nothing. */
  replace(need: Need, value: unknown): void
  get(path: string, headers?: Form): Promise<Answer>
  getAs(token: string, path: string): Promise<Answer>
  post(path: string, form: Form, headers?: Form): Promise<Answer>
  postText(path: string, body: string, headers: Form): Promise<Answer>
  /** GET /oauth2/v2.1/authorize on LINE's host for browsers. */
  authorize(query: Form, headers?: Form): Promise<Answer>
  /** GET /.well-known/{name} on LINE's host for browsers. */
  wellKnown(name: string): Promise<Answer>
  /** The user submits the login page. Needs `browser`. */
  logIn(query: Form, decision: Form): Promise<Answer>
  /** Moves the clock forward. Needs `clock`. */
  wait(ms: number): void
  /** The user of all our tokens unlinks the app. Needs `user`. */
  unlink(): void
}

/** The credentials of a run. A need may have several. */
export type Credentials = Map<Need, string[]>

export type DriverOptions = {
  readonly api: string
  readonly access: string
  readonly credentials: Credentials
  readonly needs: readonly Need[]
  /** Runs before each call. */
  readonly pause?: () => Promise<unknown>
  /** Called with every credential that a check uses or receives. */
  readonly secret?: (value: string) => void
  /** Called with every answer. */
  readonly answered?: (answer: Answer) => void
  readonly logIn?: (query: string, decision: Form) => { readonly path: string; readonly form: Form }
  readonly wait?: (ms: number) => void
  readonly unlink?: () => void
}

export function createDriver(options: DriverOptions): Driver {
  const { api, access, credentials, needs, pause, secret = () => {} } = options

  return { credential, replace, get, getAs, post, postText, authorize, wellKnown, logIn, wait, unlink }

  function credential(need: Need): string {
    const value = needs.includes(need) ? credentials.get(need)?.[0] : undefined
    if (value === undefined) throw new TypeError(`The check must list "${need}" in its needs`)
    secret(value)
    return value
  }

  function replace(need: Need, value: unknown): void {
    if (typeof value !== 'string' || value === '') return
    credentials.set(need, [value, ...(credentials.get(need) ?? []).slice(1)])
  }

  function get(path: string, headers: Form = {}): Promise<Answer> {
    return send(api + path, { headers })
  }

  function getAs(token: string, path: string): Promise<Answer> {
    return get(path, { authorization: `Bearer ${token}` })
  }

  function post(path: string, form: Form, headers: Form = {}): Promise<Answer> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    return postText(path, new URLSearchParams(form).toString(), { ...type, ...headers })
  }

  function postText(path: string, body: string, headers: Form): Promise<Answer> {
    return send(api + path, { method: 'POST', headers, body })
  }

  function authorize(query: Form, headers: Form = {}): Promise<Answer> {
    return send(`${access}/oauth2/v2.1/authorize?${encoded(query)}`, { headers })
  }

  function wellKnown(name: string): Promise<Answer> {
    return send(`${access}/.well-known/${name}`, { headers: {} })
  }

  async function logIn(query: Form, decision: Form): Promise<Answer> {
    const { path, form } = required('browser', options.logIn)(encoded(query), decision)
    await authorize(query)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return send(access + path, { method: 'POST', headers, body: new URLSearchParams(form).toString() })
  }

  function wait(ms: number): void {
    required('clock', options.wait)(ms)
  }

  function unlink(): void {
    required('user', options.unlink)()
  }

  function required<Ability>(need: Need, ability: Ability | undefined): Ability {
    if (ability === undefined || !needs.includes(need)) {
      throw new TypeError(`The check must list "${need}" in its needs`)
    }
    return ability
  }

  async function send(
    url: string,
    call: { readonly method?: 'GET' | 'POST'; readonly headers: Form; readonly body?: string },
  ): Promise<Answer> {
    await pause?.()
    const { statusCode, headers, body } = await request(url, { ...call, ...timeouts })
    const text = await body.text()
    const answer = { status: statusCode, headers, text, body: parsed(text) }
    for (const name of credentialMembers) if (typeof answer.body[name] === 'string') secret(answer.body[name])
    options.answered?.(answer)
    return answer
  }
}

/** Milliseconds. Only for a LINE that never answers, so long enough for a slow machine. */
const timeouts = { headersTimeout: 60_000, bodyTimeout: 60_000 }
const credentialMembers = ['access_token', 'refresh_token', 'id_token']

/** With %20 for a space, as LINE's page about the authorization request requires. */
function encoded(query: Form): string {
  return Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
}

function parsed(text: string): Answer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}
