import { expect } from 'vitest'
import { gaugesIn } from './counted.ts'
import { exchange, exchangeForm, forwardAuth, introspect } from './faces.ts'
import { postForm } from './forms.ts'
import type { Answers } from './held-answers.ts'
import { redirectUri } from './log-in.ts'
import { foreign, liff, type RunningGateway, web } from './running-gateway.ts'
import { createSenders, type Login } from './senders.ts'

/** What happens, and all that it must count, as `countsOf` reads it. */
export type Act = readonly [act: () => unknown, events?: string]

const junk = 'line refused, verify refused invalid_request'
const junkFrom = '203.0.113.9'

/** The acts of each minute. The numbers follow from the contract and from what LINE is asked, not from a run. */
export function hourOfTraffic(gateway: RunningGateway, answers: Answers): Readonly<Record<number, readonly Act[]>> {
  const { issue, token, ask, check, checkAll, name, apiToken, refresh, revoke, preflight, post, expired, logIn } =
    createSenders(gateway)
  const [sakura, kenta, mia, dying] = [token(0), token(1), token(2), token(3)]
  const [shortLived, gone, warm, late, later, unsure, leaver, unnamed] = [
    issue({ expiresIn: 240 + 90 }).accessToken,
    ...[3, 3, 3, 3, 3, 4, 1].map((user) => token(user)),
  ] as [string, string, string, string, string, string, string, string]
  const quiet = token(1, 'openid')
  const leaving = issue()
  const code = gateway.emulator.issueCode({ redirectUri })
  const idToken = issue({ channelId: liff.id }).idToken ?? ''
  let login: Login | undefined

  return {
    0: [
      [() => name(sakura), 'viewer OK, line valid, verify answered, profile answered'],
      [() => name(sakura), 'viewer OK, memory fresh'],
      [
        () => ask('{ me: viewer { id } again: viewer { displayName pictureUrl(size: SMALL) } }', kenta),
        'viewer OK, line valid, line valid, flight valid, verify answered, profile answered',
      ],
      [() => ask('{ viewer { id } }', quiet), 'viewer OK, line valid, line valid, verify answered, userinfo answered'],
      [() => ask('{ viewer { id displayName } }', quiet), 'viewer FORBIDDEN, memory fresh'],
      [
        () => ask('{ viewer { isFriend accessToken { expiresIn } } }', sakura),
        'viewer OK, memory fresh, line valid, friendship answered',
      ],
      [() => ask('{ viewer { accessToken { expiresIn } } }', mia), 'viewer OK, line valid, verify answered'],
      [() => check(dying), 'verifyAccessToken OK, line valid, verify answered'],
    ],
    1: [
      [() => fiveAtOnce(token(4)), 'viewer OK, line valid, verify answered, profile answered'],
      ...times<Act>(4, () => [() => undefined, 'viewer OK, flight valid']),
      [
        () => leaveEarly(({ send }) => send('/graphql', viewerBy(token(4)))),
        'viewer OK, line valid, verify answered, profile answered',
      ],
      [
        () => leaveEarly((leaver) => postForm(leaver, '/oauth/token', exchangeForm('junk-8'))),
        `token_exchange invalid_request, POST /oauth/token 400, ${junk}`,
      ],
      [
        () => checkAll([warm, warm, sakura, 'not a token']),
        'verifyAccessTokens OK, line valid, flight valid, memory fresh, verify answered',
      ],
    ],
    2: [
      [
        () =>
          ask(`mutation { startLogin(input: { redirectUri: "${redirectUri}", channelId: "${web.id}" }) { state } }`),
        'startLogin OK',
      ],
      [
        () => ask(`mutation { startLogin(input: { redirectUri: "${redirectUri}", channelId: "1" }) { state } }`),
        'startLogin BAD_USER_INPUT',
      ],
      [
        async () => {
          login = await logIn(code, 'tokens { accessToken refreshToken } viewer { displayName } idTokenClaims { sub }')
        },
        'exchangeLogin OK, line valid, token answered, profile answered',
      ],
      [() => logIn(code, 'tokens { accessToken }'), 'exchangeLogin INVALID_GRANT'],
      [() => logIn('junk', 'tokens { accessToken }'), 'exchangeLogin INVALID_GRANT, token refused invalid_grant'],
      [
        () =>
          logIn(gateway.emulator.issueCode({ redirectUri }), 'tokens { accessToken } idTokenClaims { sub }', 'wrong'),
        'exchangeLogin INVALID_ID_TOKEN, token answered',
      ],
    ],
    3: [
      [() => refresh(login?.tokens.refreshToken), 'refreshToken OK, token answered'],
      [() => refresh(login?.tokens.refreshToken), 'refreshToken OK'],
      [() => refresh('junk'), 'refreshToken INVALID_GRANT, token refused invalid_grant'],
      [() => refresh('junk'), 'refreshToken INVALID_GRANT'],
    ],
    4: [
      [() => check(sakura), 'verifyAccessToken OK, memory fresh'],
      [
        () => check(issue({ channelId: foreign.id }).accessToken),
        'verifyAccessToken OK, line refused, verify answered',
      ],
      [() => check(expired()), `verifyAccessToken OK, ${junk}`],
      [() => check(shortLived), 'verifyAccessToken OK, line valid, verify answered'],
      [() => check('not a token'), 'verifyAccessToken OK'],
      [() => check('junk'), `verifyAccessToken OK, ${junk}`],
      [() => check('junk'), 'verifyAccessToken OK, memory refused'],
      [() => name('junk-2'), `viewer UNAUTHENTICATED, ${junk}`],
      [() => ask('{ viewer { id } }'), 'viewer UNAUTHENTICATED'],
      [() => checkAll(Array.from({ length: 101 }, () => sakura)), 'verifyAccessTokens BAD_USER_INPUT'],
      [
        () => ask(`{ viewer { id } verifyAccessToken(accessToken: "${sakura}") { active } }`),
        'viewer UNAUTHENTICATED, verifyAccessToken OK, memory fresh',
      ],
      [() => ask(`{ verifyIdToken(input: { idToken: "${issue().idToken}" }) { sub } }`), 'verifyIdToken OK'],
      [() => ask(`{ verifyIdToken(input: { idToken: "${idToken}" }) { sub } }`), 'verifyIdToken OK, certs answered'],
      [() => ask('{ verifyIdToken(input: { idToken: "x" }) { sub } }'), 'verifyIdToken INVALID_ID_TOKEN'],
      [() => ask('{ viewer { id } }', idToken), 'viewer OK'],
    ],
    5: [
      [() => check(gone), 'verifyAccessToken OK, line valid, verify answered'],
      [() => revoke(`accessToken: "${gone}"`), 'revokeToken OK, revoke answered'],
      [() => name(gone), 'viewer UNAUTHENTICATED, memory refused'],
      [() => revoke('accessToken: "junk-3"'), `revokeToken OK, ${junk}`],
      [() => revoke(`refreshToken: "junk", channelId: "${web.id}"`), 'revokeToken OK, revoke answered'],
      [() => revoke('refreshToken: "junk", accessToken: "junk"'), 'revokeToken BAD_USER_INPUT'],
      [() => check(leaving.accessToken), 'verifyAccessToken OK, line valid, verify answered'],
      [
        () =>
          ask(
            `mutation { logout(input: { refreshToken: "${leaving.refreshToken}" }) { revoked } }`,
            leaving.accessToken,
          ),
        'logout OK, revoke answered, revoke answered',
      ],
      [() => ask('mutation { logout { revoked } }', leaving.accessToken), 'logout UNAUTHENTICATED'],
    ],
    6: [
      [() => name(sakura), 'viewer OK, memory aging, re-check valid, profile answered'],
      [() => name(sakura), 'viewer OK, memory fresh'],
      [() => check(shortLived), 'verifyAccessToken OK, memory refused'],
    ],
    7: [
      [() => gateway.emulator.revokeAccessToken(dying)],
      [() => check(dying), 'verifyAccessToken OK, memory aging, re-check refused, verify refused invalid_request'],
      [() => check(dying), 'verifyAccessToken OK, memory refused'],
    ],
    9: [
      [() => apiToken(sakura), 'viewer OK, memory fresh, memory fresh, api token minted'],
      [() => apiToken(sakura), 'viewer OK, memory fresh, memory fresh, api token reused'],
      [() => exchange(gateway, sakura), 'token_exchange OK, POST /oauth/token 200, memory fresh, api token reused'],
      [() => exchange(gateway, 'junk-4'), `token_exchange invalid_request, POST /oauth/token 400, ${junk}`],
      [
        () => exchange(gateway, sakura, undefined, { audience: 'x' }),
        'token_exchange invalid_target, POST /oauth/token 400',
      ],
      [
        () => exchange(gateway, sakura, undefined, { grant_type: 'x' }),
        'token_exchange unsupported_grant_type, POST /oauth/token 400',
      ],
      [
        () => exchange(gateway, sakura, undefined, { scope: 'x' }),
        'token_exchange invalid_scope, POST /oauth/token 400, memory fresh',
      ],
      [() => forwardAuth(gateway, sakura), 'forward_auth OK, GET /auth 200, memory fresh, api token reused'],
      [() => forwardAuth(gateway, 'junk-5'), `forward_auth UNAUTHENTICATED, GET /auth 401, ${junk}`],
      [
        () => forwardAuth(gateway, sakura, undefined, '/auth?scope=x'),
        'forward_auth FORBIDDEN, GET /auth 403, memory fresh',
      ],
      [
        () => forwardAuth(gateway, token(4)),
        'forward_auth OK, GET /auth 200, line valid, line valid, verify answered, profile answered, api token minted',
      ],
      [() => introspect(gateway, sakura), 'introspection OK, POST /oauth/introspect 200, memory fresh'],
      [() => introspect(gateway, 'junk-6'), `introspection OK, POST /oauth/introspect 200, ${junk}`],
      [
        () => introspect(gateway, sakura, undefined, { id: 'x', secret: 'x' }),
        'introspection invalid_client, POST /oauth/introspect 401',
      ],
    ],
    10: [
      [() => gateway.send('/.well-known/jwks.json'), 'discovery OK, GET /.well-known/{document} 200'],
      [
        () => gateway.send('/.well-known/openid-configuration', { method: 'HEAD' }),
        'discovery OK, HEAD /.well-known/{document} 200',
      ],
      [() => gateway.send('/health'), 'GET /health 200'],
      [() => gateway.send('/ready', { method: 'HEAD' }), 'HEAD /ready 200'],
      [() => gateway.send('/metrics'), 'GET 404'],
      [() => preflight('/graphql'), 'OPTIONS /graphql 204'],
      [() => preflight('/oauth/token'), 'OPTIONS /oauth/token 204'],
      [() => ask('{'), 'none GRAPHQL_PARSE_FAILED'],
      [() => ask('{ nobody }'), 'none GRAPHQL_VALIDATION_FAILED'],
      [() => post('{"extensions":{"persistedQuery":{"version":1}}}'), 'none PERSISTED_QUERY_NOT_SUPPORTED'],
      [() => post('[]'), 'none BAD_REQUEST, POST /graphql 400'],
      [() => post('{}', 'text/plain'), 'none BAD_REQUEST, POST /graphql 415'],
      [() => gateway.send('/graphql', { method: 'PUT' }), 'none BAD_REQUEST, _OTHER /graphql 405'],
      [() => gateway.send('/graphql?query={__typename}'), '__typename OK, GET /graphql 200'],
    ],
    15: [
      ...times<Act>(20, (n) => [() => check(`flood-${n}`, junkFrom), `verifyAccessToken OK, ${junk}`]),
      [() => check('flood', junkFrom), 'verifyAccessToken RATE_LIMITED, gate limited'],
      [() => forwardAuth(gateway, 'flood', junkFrom), 'forward_auth RATE_LIMITED, GET /auth 429, gate limited'],
      [() => expectOne('gateway_sources limited')],
      [() => check(late), 'verifyAccessToken OK, line valid, verify answered'],
      [() => check(late, junkFrom), 'verifyAccessToken OK, memory fresh'],
    ],
    17: [[() => check('flood', junkFrom), `verifyAccessToken OK, ${junk}`]],
    21: [[() => check(mia), 'verifyAccessToken OK, line valid, verify answered']],
    22: [
      [() => gateway.emulator.faults.set('*', { status: 503 })],
      [() => check(mia), 'verifyAccessToken OK, memory fresh'],
      [() => name(kenta), 'viewer OK, memory stale, profile failed, verify failed'],
      [() => name(kenta), 'viewer OK, memory stale'],
      ...times<Act>(9, () => [
        () => check(token()),
        'verifyAccessToken LINE_UNAVAILABLE, line unanswered, verify failed',
      ]),
      [() => {}, 'opened verify failures'],
      [() => check(token()), 'verifyAccessToken LINE_UNAVAILABLE, line unanswered'],
      [() => forwardAuth(gateway, token()), 'forward_auth LINE_UNAVAILABLE, GET /auth 503, line unanswered'],
      [() => name(sakura), 'viewer OK, memory aging, re-check unanswered, profile failed'],
      [() => expectOne('gateway_line_breaker_state verify open')],
      [() => refresh(issue().refreshToken), 'refreshToken LINE_UNAVAILABLE, token failed'],
    ],
    23: [
      [
        () => check(token()),
        'verifyAccessToken LINE_UNAVAILABLE, line unanswered, verify failed, opened verify failures',
      ],
      [() => check(token()), 'verifyAccessToken LINE_UNAVAILABLE, line unanswered'],
    ],
    24: [
      [() => gateway.emulator.faults.clear()],
      [() => check(later), 'verifyAccessToken OK, line valid, verify answered'],
    ],
    25: [
      [() => gateway.emulator.faults.set('profile', { status: 429, headers: { 'retry-after': '30' }, times: 1 })],
      [() => name(later), 'viewer LINE_RATE_LIMITED, line unanswered, profile limited, opened profile limit'],
      [() => name(later), 'viewer LINE_RATE_LIMITED, line unanswered'],
    ],
    26: [
      [() => gateway.emulator.faults.set('profile', { reset: true, times: 1 })],
      // A GET without an answer is sent again.
      [() => name(later), 'viewer OK, line valid, profile no_answer, profile answered'],
      [() => gateway.emulator.faults.set('token', { status: 401, body: { error: 'invalid_client' }, times: 1 })],
      [
        () => refresh('junk-7'),
        'refreshToken MISCONFIGURED, token refused invalid_client, misconfigured LINE_CHANNELS',
      ],
    ],
    30: [
      [() => check(unsure), 'verifyAccessToken OK, line valid, verify answered'],
      [() => gateway.emulator.faults.set('revoke', { status: 503, times: 1 })],
      [() => revoke(`accessToken: "${unsure}"`), 'revokeToken LINE_UNAVAILABLE, revoke failed'],
      [() => expectOne('gateway_unconfirmed_revocations')],
      [() => name(unsure), 'viewer UNAUTHENTICATED, memory refused'],
    ],
    31: [
      // The second call is made in the background, by a timer of real time.
      [
        () => expect.poll(() => gauge('gateway_unconfirmed_revocations'), { timeout: 30_000 }).toBeUndefined(),
        'revoke answered',
      ],
    ],
    45: [
      [() => apiToken(sakura), 'viewer OK, line valid, memory fresh, verify answered, api token minted'],
      [() => introspect(gateway, kenta), 'introspection OK, POST /oauth/introspect 200, line valid, verify answered'],
    ],
    58: [
      [() => check(unnamed), 'verifyAccessToken OK, line valid, verify answered'],
      [() => name(leaver), 'viewer OK, line valid, verify answered, profile answered'],
      [
        () => ask('mutation { deauthorize { deauthorized } }', leaver),
        'deauthorize OK, memory fresh, channelToken answered, deauthorize answered',
      ],
      [() => name(leaver), 'viewer UNAUTHENTICATED, memory refused'],
      // LINE has to tell whether it is a token of the user who left.
      [() => check(unnamed), 'verifyAccessToken OK, line valid, profile answered'],
    ],
  }

  async function gauge(key: string): Promise<number | undefined> {
    return gaugesIn(await gateway.metrics())[key]
  }

  async function expectOne(key: string): Promise<void> {
    expect([key, await gauge(key)]).toEqual([key, 1])
  }

  async function active(count: number): Promise<void> {
    await expect.poll(() => gauge('http_server_active_requests POST'), { timeout: 30_000 }).toBe(count)
  }

  /** The client hangs up while LINE is asked. */
  async function leaveEarly(ask: (leaver: Pick<RunningGateway, 'send'>) => Promise<unknown>): Promise<void> {
    answers.hold()
    const leaving = new AbortController()
    const send: RunningGateway['send'] = (path, options) => gateway.send(path, { ...options, signal: leaving.signal })
    const left = ask({ send }).catch(() => {})
    await active(1)
    leaving.abort()
    await left
    // By the time of this answer, the gateway has seen that the client is gone. Requests to this server are not counted.
    await fetch(`${gateway.metricsUrl}`)
    await answers.release()
  }

  /** LINE answers when all five wait. */
  async function fiveAtOnce(bearer: string): Promise<void> {
    answers.hold()
    const all = times(5, () => name(bearer))
    await active(5)
    await answers.release()
    await Promise.all(all)
  }
}

function viewerBy(bearer: string) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}` }
  return { method: 'POST', headers, body: JSON.stringify({ query: '{ viewer { displayName } }' }) } as const
}

function times<One>(count: number, make: (n: number) => One): One[] {
  return Array.from({ length: count }, (_, n) => make(n))
}
