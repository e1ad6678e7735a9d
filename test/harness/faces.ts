import { decodeJwt } from 'jose'
import { Agent, request } from 'undici'
import { basic, formType, jsonOf } from './forms.ts'
import { type GraphqlError, type Reply, toReply } from './running-gateway.ts'

/** A service that may introspect. */
export const api = { id: 'orders-api', secret: 'CaNaRy-of-the-orders-api-0123456789abcdef' }

/** Settings that turn all faces on, except those for signing. The proxy of forward auth is on this machine. */
export const faceSettings = {
  OAUTH_CLIENTS: JSON.stringify([api]),
  FORWARD_AUTH: 'required',
  TRUSTED_PROXIES: '127.0.0.1,::1',
}

export type Verdict = 'good' | 'refused' | 'outage' | 'limited'

type Service = { readonly url: string }

/** One way to ask what a credential is worth, as a client of that face sees it. */
export type AskedFace = {
  /** `from`: the client address that the proxy in front of the gateway forwards. */
  ask(gateway: Service, credential: string, from?: string): Promise<Reply>
  /** What the answer says. Another answer than the contract has for this face is its own text. */
  verdictOf(reply: Reply): Verdict | string
}

export const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const tokenTypes = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
}

const agent = new Agent({ connections: 64, headersTimeout: 0, bodyTimeout: 0 })
const retries = ({ headers }: Reply) => /^[1-9]\d*$/.test(String(headers['retry-after']))

/** All ways to ask about an access token. */
export const faces = {
  'viewer { id }': graphql('{ viewer { id } }'),
  'viewer { apiToken }': graphql('{ viewer { apiToken { token } } }'),
  'token exchange': { ask: exchange, verdictOf: (reply) => oauthVerdict(reply) },
  'forward auth': { ask: forwardAuth, verdictOf: forwardAuthVerdict },
  introspection: { ask: introspect, verdictOf: introspectionVerdict },
} satisfies Record<string, AskedFace>

export type AskedFaceName = keyof typeof faces
export const faceNames = Object.keys(faces) as AskedFaceName[]

/** What one face says about a credential. */
export async function verdict(
  name: AskedFaceName,
  gateway: Service,
  credential: string,
  from?: string,
): Promise<Verdict | string> {
  const face: AskedFace = faces[name]
  return face.verdictOf(await face.ask(gateway, credential, from))
}

/** What each face says about a credential, asked one after another. */
export async function verdicts(gateway: Service, credential: string): Promise<Record<string, Verdict | string>> {
  const all: Record<string, Verdict | string> = {}
  for (const name of faceNames) all[name] = await verdict(name, gateway, credential)
  return all
}

export const everyFace = (said: Verdict): Record<string, Verdict> =>
  Object.fromEntries(faceNames.map((name) => [name, said]))

function postForm(
  { url }: Service,
  path: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
): Promise<Reply> {
  return send(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': formType, ...headers },
    body: new URLSearchParams(form).toString(),
  })
}

export function exchange(gateway: Service, credential: string, from?: string, more: Record<string, string> = {}) {
  return postForm(gateway, '/oauth/token', { ...exchangeForm(credential), ...more }, forwarded(from))
}

/** An ID token is told apart here, as a client would do it: only ID tokens of LINE are JWTs with its `iss`. */
export function exchangeForm(credential: string): Record<string, string> {
  return {
    grant_type: grantType,
    subject_token: credential,
    subject_token_type: isIdToken(credential) ? tokenTypes.idToken : tokenTypes.accessToken,
  }
}

export function introspect(gateway: Service, credential: string, from?: string, client = api): Promise<Reply> {
  return postForm(
    gateway,
    '/oauth/introspect',
    { token: credential },
    { ...basic(client.id, client.secret), ...forwarded(from) },
  )
}

export function forwardAuth({ url }: Service, credential: string, from = '203.0.113.7', path = '/auth') {
  return send(`${url}${path}`, {
    method: 'GET',
    headers: { authorization: `Bearer ${credential}`, ...forwarded(from) },
  })
}

function graphql(query: string): AskedFace {
  return {
    ask: ({ url }, credential, from) =>
      send(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${credential}`, ...forwarded(from) },
        body: JSON.stringify({ query }),
      }),
    verdictOf: graphqlVerdict,
  }
}

function graphqlVerdict(reply: Reply): Verdict | string {
  const [error] = reply.errors
  if (reply.status !== 200) return other(reply)
  if (error === undefined) return reply.data?.viewer == null ? other(reply) : 'good'
  const said = wordOf(error)
  return said === undefined || (said !== 'refused' && !retries(reply)) ? other(reply) : said
}

function wordOf({ extensions: { code, reason } }: GraphqlError): Verdict | undefined {
  if (code === 'UNAUTHENTICATED') return reason === 'MISSING' ? undefined : 'refused'
  if (code === 'LINE_UNAVAILABLE' || code === 'LINE_RATE_LIMITED') return 'outage'
  return code === 'RATE_LIMITED' ? 'limited' : undefined
}

function oauthVerdict(reply: Reply): Verdict | string {
  const { status, headers } = reply
  const { access_token, error } = jsonOf(reply)
  if (headers['cache-control'] !== 'no-store') return other(reply)
  if (status === 200 && typeof access_token === 'string') return 'good'
  if (status === 400 && error === 'invalid_request') return 'refused'
  if (error !== 'temporarily_unavailable') return other(reply)
  return busyVerdict(reply)
}

function forwardAuthVerdict(reply: Reply): Verdict | string {
  const { status, headers, text } = reply
  if (status === 200) {
    const user = headers['x-line-user-id']
    return text === '' && user && user === headers['x-auth-request-user'] ? 'good' : other(reply)
  }
  if (status !== 401) return busyVerdict(reply)
  return /^Bearer .*error="invalid_token"/.test(String(headers['www-authenticate'])) ? 'refused' : other(reply)
}

function introspectionVerdict(reply: Reply): Verdict | string {
  if (reply.status !== 200) return busyVerdict(reply)
  if (jsonOf(reply).active === true) return 'good'
  return reply.text === '{"active":false}' ? 'refused' : other(reply)
}

function busyVerdict(reply: Reply): Verdict | string {
  if (!retries(reply)) return other(reply)
  if (reply.status === 503) return 'outage'
  return reply.status === 429 ? 'limited' : other(reply)
}

function other({ status, headers, text }: Reply): string {
  return `${status} ${JSON.stringify(headers)} ${text}`
}

function isIdToken(credential: string): boolean {
  try {
    return decodeJwt(credential).iss === 'https://access.line.me'
  } catch {
    return false
  }
}

const forwarded = (from: string | undefined): Record<string, string> =>
  from === undefined ? {} : { 'x-forwarded-for': from }

type Sent = {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

async function send(url: string, sent: Sent): Promise<Reply> {
  const { statusCode, headers, body } = await request(url, { dispatcher: agent, ...sent })
  return toReply(statusCode, headers, await body.text())
}
