import type { Endpoint } from './control/calls.ts'
import { authorize } from './endpoints/authorize.ts'
import { channelToken } from './endpoints/channel-token.ts'
import { deauthorize } from './endpoints/deauthorize.ts'
import { certs, discovery } from './endpoints/metadata.ts'
import { friendship, profile, userinfo } from './endpoints/resources.ts'
import { revoke } from './endpoints/revoke.ts'
import { token } from './endpoints/token.ts'
import { verifyAccessToken, verifyIdToken } from './endpoints/verify.ts'
import type { LineRequest } from './http/line-request.ts'
import type { LineResponse } from './http/line-response.ts'
import type { Platform } from './platform/platform.ts'

export type Route = { endpoint: Endpoint; answer: (request: LineRequest, platform: Platform) => LineResponse }

/** LINE's endpoints, of access.line.me and api.line.me alike, by method and path. */
export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET /oauth2/v2.1/authorize', { endpoint: 'authorize', answer: authorize }],
  ['POST /oauth2/v2.1/token', { endpoint: 'token', answer: token }],
  ['GET /oauth2/v2.1/verify', { endpoint: 'verifyAccessToken', answer: verifyAccessToken }],
  ['POST /oauth2/v2.1/verify', { endpoint: 'verifyIdToken', answer: verifyIdToken }],
  ['POST /oauth2/v2.1/revoke', { endpoint: 'revoke', answer: revoke }],
  ['GET /v2/profile', { endpoint: 'profile', answer: profile }],
  ['GET /oauth2/v2.1/userinfo', { endpoint: 'userinfo', answer: userinfo }],
  ['POST /oauth2/v2.1/userinfo', { endpoint: 'userinfo', answer: userinfo }],
  ['GET /friendship/v1/status', { endpoint: 'friendship', answer: friendship }],
  ['GET /oauth2/v2.1/certs', { endpoint: 'certs', answer: certs }],
  ['GET /.well-known/openid-configuration', { endpoint: 'discovery', answer: discovery }],
  ['POST /user/v1/deauthorize', { endpoint: 'deauthorize', answer: deauthorize }],
  ['POST /oauth2/v3/token', { endpoint: 'channelToken', answer: channelToken }],
])
