import { Dispatcher } from 'undici'
import { web } from './channels.ts'

/** A LINE without a network, for a million tokens. Every token is good; its user is in its text: see `tokenOf`. */
export type InProcessLine = Dispatcher & {
  /** The number of calls so far to the paths that start with this text. */
  callsTo(path: string): number
}

/** The n-th access token of a user. */
export function tokenOf(user: number, n: number): string {
  return `access.${user}.${n}`
}

/** The n-th refresh token of a user. The first refresh returns the access token with the same number. */
export function refreshTokenOf(user: number, n: number): string {
  return `refresh.${user}.${n}`
}

export function createInProcessLine(): InProcessLine {
  return new Line()
}

class Line extends Dispatcher implements InProcessLine {
  readonly #calls = new Map<string, number>()

  callsTo(path: string): number {
    return this.#calls.get(path) ?? 0
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const path = options.path.split('?')[0] ?? ''
    this.#calls.set(path, this.callsTo(path) + 1)
    const answer = answerTo(path, options)
    setImmediate(() => {
      handler.onRequestStart?.(controller, {})
      handler.onResponseStart?.(controller, answer === undefined ? 204 : 200, json, 'OK')
      if (answer !== undefined) handler.onResponseData?.(controller, Buffer.from(JSON.stringify(answer)))
      handler.onResponseEnd?.(controller, {})
    })
    return true
  }
}

function answerTo(path: string, { headers, body }: Dispatcher.DispatchOptions): object | undefined {
  const bearer = (headers as Record<string, string> | undefined)?.authorization ?? ''
  const lasts = { expires_in: 2_592_000, scope: 'profile openid' }
  switch (path) {
    case '/oauth2/v2.1/verify':
      return { ...lasts, client_id: web.id }
    case '/v2/profile':
      return { userId: userIn(bearer), displayName: 'Brown' }
    case '/oauth2/v2.1/userinfo':
      return { sub: userIn(bearer) }
    case '/oauth2/v2.1/token':
      return {
        ...lasts,
        token_type: 'Bearer',
        ...tokensFor(new URLSearchParams(String(body)).get('refresh_token') ?? ''),
      }
    case '/oauth2/v3/token':
      return { token_type: 'Bearer', access_token: 'channel', expires_in: 900 }
    case '/user/v1/deauthorize':
      return undefined
    default:
      return {}
  }
}

function userIn(bearer: string): string {
  return `U${(bearer.split('.')[1] ?? '').padStart(32, '0')}`
}

function tokensFor(refreshToken: string): object {
  return { access_token: refreshToken.replace('refresh', 'access'), refresh_token: refreshToken }
}

const json = { 'content-type': 'application/json' }

const controller: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: null,
  rawTrailers: null,
  abort() {},
  pause() {},
  resume() {},
}
