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

type AnswerRequest = (request: LineRequest, platform: Platform) => LineResponse

/** The endpoints of access.line.me and api.line.me: method and path, the name in calls and faults, the function. */
const table = [
  ['GET /oauth2/v2.1/authorize', 'authorize', authorize],
  ['POST /oauth2/v2.1/token', 'token', token],
  ['GET /oauth2/v2.1/verify', 'verifyAccessToken', verifyAccessToken],
  ['POST /oauth2/v2.1/verify', 'verifyIdToken', verifyIdToken],
  ['POST /oauth2/v2.1/revoke', 'revoke', revoke],
  ['GET /v2/profile', 'profile', profile],
  ['GET /oauth2/v2.1/userinfo', 'userinfo', userinfo],
  ['POST /oauth2/v2.1/userinfo', 'userinfo', userinfo],
  ['GET /friendship/v1/status', 'friendship', friendship],
  ['GET /oauth2/v2.1/certs', 'certs', certs],
  ['GET /.well-known/openid-configuration', 'discovery', discovery],
  ['POST /user/v1/deauthorize', 'deauthorize', deauthorize],
  ['POST /oauth2/v3/token', 'channelToken', channelToken],
] as const satisfies readonly (readonly [string, string, AnswerRequest])[]

export type Endpoint = (typeof table)[number][1]

export type Route = { endpoint: Endpoint; answer: AnswerRequest }

export const endpoints: readonly Endpoint[] = [...new Set(table.map(([, endpoint]) => endpoint))]

/** The key is method and path: `GET /v2/profile`. */
export const routes: ReadonlyMap<string, Route> = new Map(
  table.map(([methodAndPath, endpoint, answer]) => [methodAndPath, { endpoint, answer }]),
)
