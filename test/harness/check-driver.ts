import { request } from 'undici'

/** The credentials a check may need. The last three are no credentials but somebody who does something. */
export type Need =
  | 'channel'
  | 'secret'
  | 'redirectUri'
  | 'codeVerifier'
  /** Scopes `profile openid`, of the channel. */
  | 'accessToken'
  | 'refreshToken'
  /** Scopes `openid` and `profile` alone. */
  | 'openidToken'
  | 'profileToken'
  /** Granted with `openid email`. */
  | 'emailToken'
  | 'expiredToken'
  | 'revokedToken'
  /** Of another channel. */
  | 'foreignToken'
  /** Of a channel that no official account is linked to. */
  | 'unlinkedToken'
  /** Of a user who has neither picture nor status message. */
  | 'bareToken'
  | 'liffToken'
  /** Authorization codes: with `profile openid` and a challenge, and without; with `profile` and with `openid email` alone. */
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
  /** Fresh, of a login with `nonce` and the scopes `profile openid`, by the user of `accessToken`. */
  | 'idToken'
  | 'nonce'
  | 'expiredIdToken'
  /** Signed by LINE and yet with another issuer. */
  | 'alienIdToken'
  /** Somebody at LINE's login page, time that passes at will, a user who unlinks the app. */
  | 'browser'
  | 'clock'
  | 'user'

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The JSON object in it; empty where it is none. */
  readonly body: Readonly<Record<string, unknown>>
}

export type Form = Readonly<Record<string, string>>

/** The way a check talks to LINE: plain HTTP, no retries, no redirects, and the credentials it declared. */
export type Driver = {
  hold(need: Need): string
  /** A credential was replaced by its successor. */
  keep(need: Need, value: unknown): void
  get(path: string, headers?: Form): Promise<Answer>
  getAs(token: string, path: string): Promise<Answer>
  post(path: string, form: Form, headers?: Form): Promise<Answer>
  postText(path: string, body: string, headers: Form): Promise<Answer>
  /** On the host for browsers. */
  authorize(query: Form, headers?: Form): Promise<Answer>
  /** On the host for browsers: the metadata. */
  wellKnown(name: string): Promise<Answer>
  /** The user answers the login page; needs `browser`. */
  logIn(query: Form, decision: Form): Promise<Answer>
  /** Needs `clock`. */
  wait(ms: number): void
  /** The user of all our tokens unlinks the app; needs `user`. */
  unlink(): void
}

/** The credentials of a run, each need with as many as there are. */
export type Credentials = Map<Need, string[]>

export type DriverOptions = {
  readonly api: string
  readonly access: string
  readonly credentials: Credentials
  readonly needs: readonly Need[]
  /** Awaited before each call. */
  readonly pause?: () => Promise<unknown>
  /** Told of every credential handed out or received. */
  readonly secret?: (value: string) => void
  /** Told of every answer. */
  readonly answered?: (answer: Answer) => void
  readonly logIn?: (query: string, decision: Form) => { readonly path: string; readonly form: Form }
  readonly wait?: (ms: number) => void
  readonly unlink?: () => void
}

export function createDriver(options: DriverOptions): Driver {
  const { api, access, credentials, needs, pause, secret = () => {} } = options

  return { hold, keep, get, getAs, post, postText, authorize, wellKnown, logIn, wait, unlink }

  function hold(need: Need): string {
    const value = needs.includes(need) ? credentials.get(need)?.[0] : undefined
    if (value === undefined) throw new TypeError(`the check does not say that it needs "${need}"`)
    secret(value)
    return value
  }

  function keep(need: Need, value: unknown): void {
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
    const { path, form } = able('browser', options.logIn)(encoded(query), decision)
    await authorize(query)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return send(access + path, { method: 'POST', headers, body: new URLSearchParams(form).toString() })
  }

  function wait(ms: number): void {
    able('clock', options.wait)(ms)
  }

  function unlink(): void {
    able('user', options.unlink)()
  }

  function able<Ability>(need: Need, ability: Ability | undefined): Ability {
    if (ability === undefined || !needs.includes(need)) {
      throw new TypeError(`the check does not say that it needs "${need}"`)
    }
    return ability
  }

  async function send(
    url: string,
    call: { readonly method?: 'GET' | 'POST'; readonly headers: Form; readonly body?: string },
  ): Promise<Answer> {
    await pause?.()
    const { statusCode, headers, body } = await request(url, { ...call, ...patience })
    const text = await body.text()
    const answer = { status: statusCode, headers, text, body: parsed(text) }
    for (const name of credentialMembers) if (typeof answer.body[name] === 'string') secret(answer.body[name])
    options.answered?.(answer)
    return answer
  }
}

const patience = { headersTimeout: 10_000, bodyTimeout: 10_000 }
const credentialMembers = ['access_token', 'refresh_token', 'id_token']

/** Spaces as %20, as LINE's page about the authorization request wants them. */
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
