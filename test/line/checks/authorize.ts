import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested, type Observations } from './check.ts'
import { callbackOf, jwtParts, pageOf, textIn } from './reading.ts'

const state = 'check0state1'

/** An authorization request with all required parameters. */
function request(line: Driver, more: Form = {}): Form {
  return {
    response_type: 'code',
    client_id: line.credential('channel'),
    redirect_uri: line.credential('redirectUri'),
    state,
    scope: 'profile openid',
    ...more,
  }
}

async function authorize(line: Driver, more: Form = {}): Promise<Observations> {
  return callbackOf(await line.authorize(request(line, more)), line.credential('redirectUri'))
}

function without(form: Form, name: string): Form {
  return Object.fromEntries(Object.entries(form).filter(([key]) => key !== name))
}

const needs = ['channel', 'redirectUri'] as const
const common = { endpoint: 'authorize', needs, tag: 'D', source: at('INT') } as const
const loginContinues = { loginContinues: true }

/** Parameters that LINE accepts: the login continues. */
const accepted: readonly (readonly [id: string, says: string, more: Form, source?: Check['source']])[] = [
  ['plain', 'The login continues with the required parameters only.', {}],
  ['nonce', '`nonce` is optional.', { nonce: 'n-0S6_WzA2Mj' }],
  ['prompt-consent', 'LINE accepts `prompt=consent`.', { prompt: 'consent' }],
  ['prompt-login', 'LINE accepts `prompt=login`.', { prompt: 'login' }],
  ['max-age', 'LINE accepts `max_age` in seconds.', { max_age: '3600' }],
  ['ui-locales', 'LINE accepts language tags, separated by spaces, in `ui_locales`.', { ui_locales: 'ja en-GB' }],
  ['bot-prompt-normal', 'LINE accepts `bot_prompt=normal`.', { bot_prompt: 'normal' }, at('BOT')],
  ['bot-prompt-aggressive', 'LINE accepts `bot_prompt=aggressive`.', { bot_prompt: 'aggressive' }, at('BOT')],
  ['initial-amr-display', 'LINE accepts `initial_amr_display=lineqr`.', { initial_amr_display: 'lineqr' }],
  ['switch-amr', 'LINE accepts `switch_amr=false`.', { switch_amr: 'false' }],
  ['disable-auto-login', 'LINE accepts `disable_auto_login=true`.', { disable_auto_login: 'true' }],
  ['disable-ios-auto-login', 'LINE accepts `disable_ios_auto_login=true`.', { disable_ios_auto_login: 'true' }],
  [
    'code-challenge',
    'LINE accepts a `code_challenge` with the method S256.',
    { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
    at('PKCE'),
  ],
  ['response-mode-query', 'LINE accepts `response_mode=query`.', { response_mode: 'query' }],
  ['response-mode-form-post', 'LINE accepts `response_mode=form_post`.', { response_mode: 'form_post' }],
  ['email-with-openid', 'LINE accepts the scope `email` together with `openid`.', { scope: 'openid email' }],
]

/** Requests that LINE refuses at once: it redirects to the app with an error and the state that was sent. */
const refused: readonly (readonly [
  id: string,
  error: string,
  says: string,
  change: (form: Form) => Form,
  source?: Check['source'],
])[] = [
  [
    'response-type-missing',
    'INVALID_REQUEST',
    '`response_type` is required.',
    (form) => without(form, 'response_type'),
  ],
  [
    'response-type-other',
    'UNSUPPORTED_RESPONSE_TYPE',
    '`code` is the only response type.',
    (form) => ({ ...form, response_type: 'token' }),
  ],
  ['scope-missing', 'INVALID_SCOPE', '`scope` is required.', (form) => without(form, 'scope')],
  [
    'scope-unknown',
    'INVALID_SCOPE',
    'LINE refuses an unknown scope.',
    (form) => ({ ...form, scope: 'profile nobody_knows' }),
  ],
  [
    'scope-email-alone',
    'INVALID_SCOPE',
    'LINE refuses the scope `email` without `openid`.',
    (form) => ({ ...form, scope: 'profile email' }),
  ],
  [
    'prompt-none',
    'LOGIN_REQUIRED',
    '`prompt=none` fails if no user is logged in.',
    (form) => ({ ...form, prompt: 'none' }),
  ],
  [
    'code-challenge-plain',
    'INVALID_REQUEST',
    'LINE does not support the PKCE method `plain`.',
    (form) => ({ ...form, code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }),
    at('PKCE'),
  ],
]

const allowed = { decision: 'allow' } as const

async function logIn(line: Driver, more: Form = {}, decision: Form = allowed): Promise<Answer> {
  return line.logIn(request(line, more), decision)
}

async function callbackAfter(line: Driver, more: Form = {}, decision: Form = allowed) {
  return callbackOf(await logIn(line, more, decision), line.credential('redirectUri'))
}

/** The token answer of a complete login, and the claims of its ID token. */
async function claimsAfter(line: Driver, more: Form, decision: Form = allowed) {
  const { code } = await callbackAfter(line, more, decision)
  const answer = await line.post('/oauth2/v2.1/token', {
    grant_type: 'authorization_code',
    code: String(code),
    redirect_uri: line.credential('redirectUri'),
    client_id: line.credential('channel'),
    client_secret: line.credential('secret'),
  })
  return { answer, claims: jwtParts(textIn(answer.body, 'id_token')).claims }
}

const withUser = { ...common, needs: [...needs, 'browser'] } as const
const completeLogin = { ...common, needs: [...needs, 'secret', 'browser'] } as const

export const authorizeChecks: readonly Check[] = [
  ...accepted.map(
    ([id, says, more, source = common.source]): Check => ({
      ...common,
      id: `authorize.${id}`,
      says,
      source,
      expected: loginContinues,
      run: (line) => authorize(line, more),
    }),
  ),
  ...refused.map(
    ([id, error, says, change, source = common.source]): Check => ({
      ...common,
      id: `authorize.${id}`,
      says,
      source,
      expected: { error, state },
      run: async (line) => {
        const callback = callbackOf(await line.authorize(change(request(line))), line.credential('redirectUri'))
        return { error: callback.error, state: callback.state }
      },
    }),
  ),
  {
    ...common,
    id: 'authorize.state-missing',
    says: '`state` is required.',
    expected: { error: 'INVALID_REQUEST' },
    run: async (line) => {
      const answer = await line.authorize(without(request(line), 'state'))
      return { error: callbackOf(answer, line.credential('redirectUri')).error }
    },
  },
  {
    ...common,
    id: 'authorize.client-id-unknown',
    says: 'For an unknown channel LINE shows an error page and does not redirect.',
    expected: { status: 400, type: 'text/html', callback: false },
    run: async (line) => pageOf(await line.authorize(request(line, { client_id: '1' }))),
  },
  {
    ...common,
    id: 'authorize.redirect-uri-unregistered',
    says: 'For an unregistered callback URL LINE shows an error page and does not redirect.',
    expected: { status: 400, type: 'text/html', callback: false },
    run: async (line) =>
      pageOf(await line.authorize(request(line, { redirect_uri: 'https://not.registered.invalid/' }))),
  },
  {
    ...common,
    id: 'authorize.redirect-uri-more-query',
    says: 'A registered callback URL may have additional query parameters.',
    source: at('CHK'),
    expected: loginContinues,
    run: (line) => authorize(line, { redirect_uri: `${line.credential('redirectUri')}?tab=1` }),
  },
  {
    ...withUser,
    id: 'authorize.callback',
    says: 'After a login LINE redirects with a code and the state that was sent.',
    expected: { code: true, state, others: [] },
    run: async (line) => {
      const { code, state: echoed, ...others } = await callbackAfter(line)
      return { code: typeof code === 'string' && code !== '', state: echoed, others: Object.keys(others) }
    },
  },
  {
    ...withUser,
    id: 'authorize.denied',
    says: 'If the user declines, LINE redirects with ACCESS_DENIED, a description and the state.',
    expected: { error: 'ACCESS_DENIED', error_description: 'The resource owner denied the request.', state },
    run: (line) => callbackAfter(line, {}, { decision: 'cancel' }),
  },
  {
    ...withUser,
    id: 'authorize.denied-plus-encoded',
    says: 'The description in the callback is form encoded: a plus stands for a space.',
    expected: { encoded: true },
    run: async (line) => {
      const { headers } = await logIn(line, {}, { decision: 'cancel' })
      return { encoded: String(headers.location).includes('error_description=The+resource+owner+denied') }
    },
  },
  {
    ...withUser,
    id: 'authorize.consent-asked',
    says: 'LINE asks for consent at the first login of a user.',
    expected: { status: 200, type: 'text/html', callback: false },
    run: async (line) => pageOf(await logIn(line, {}, {})),
  },
  {
    ...withUser,
    id: 'authorize.consent-once',
    says: 'LINE does not ask again for scopes that the user has granted.',
    expected: { code: true },
    run: async (line) => {
      await callbackAfter(line)
      const { code } = await callbackAfter(line, {}, {})
      return { code: typeof code === 'string' }
    },
  },
  {
    ...withUser,
    id: 'authorize.consent-forced',
    says: 'With `prompt=consent` LINE asks again for scopes that the user has granted.',
    expected: { status: 200, type: 'text/html', callback: false },
    run: async (line) => {
      await callbackAfter(line)
      return pageOf(await logIn(line, { prompt: 'consent' }, {}))
    },
  },
  {
    ...withUser,
    id: 'authorize.prompt-none-consent',
    says: '`prompt=none` fails with INTERACTION_REQUIRED if the user has to consent.',
    expected: { error: 'INTERACTION_REQUIRED', state },
    run: async (line) => {
      const { headers } = await logIn(line, { scope: 'profile' })
      const cookie = [headers['set-cookie'] ?? []].flat().map((one) => one.split(';')[0])
      const silent = await line.authorize(request(line, { prompt: 'none' }), { cookie: cookie.join('; ') })
      const { error, state: echoed } = callbackOf(silent, line.credential('redirectUri'))
      return { error, state: echoed }
    },
  },
  {
    ...withUser,
    id: 'authorize.friend-added',
    says: '`friendship_status_changed` is true if the user added the official account during this login.',
    source: at('BOT'),
    expected: { added: 'true', notAdded: 'false' },
    run: async (line) => {
      const offered = { bot_prompt: 'normal', prompt: 'consent' }
      const notAdded = await callbackAfter(line, offered)
      const added = await callbackAfter(line, offered, { ...allowed, friend: 'on' })
      return { added: added.friendship_status_changed, notAdded: notAdded.friendship_status_changed }
    },
  },
  {
    ...withUser,
    id: 'authorize.form-post',
    says: 'With `response_mode=form_post` LINE shows a page that posts the callback, and does not redirect.',
    expected: { page: 'text/html', redirected: false, posts: true },
    run: async (line) => {
      const { headers, text } = await logIn(line, { response_mode: 'form_post' })
      const type = String(headers['content-type']).split(';')[0]
      return {
        page: type,
        redirected: headers.location !== undefined,
        posts: /name="code"[^>]*value="[\w-]/.test(text),
      }
    },
  },
  {
    ...withUser,
    id: 'authorize.response-jwt',
    says: 'With a `.jwt` response mode the callback has one parameter: a JWT signed with HS256.',
    expected: { names: ['response'], header: { typ: 'JWT', alg: 'HS256' } },
    run: async (line) => {
      const callback = await callbackAfter(line, { response_mode: 'query.jwt' })
      return { names: Object.keys(callback), header: jwtParts(String(callback.response)).header }
    },
  },
  {
    ...completeLogin,
    id: 'authorize.nonce-in-id-token',
    says: 'The ID token has the nonce that was sent, and no nonce if none was sent.',
    expected: { sent: 'n-0S6_WzA2Mj', unsent: null },
    run: async (line) => {
      const sent = await claimsAfter(line, { nonce: 'n-0S6_WzA2Mj' })
      const unsent = await claimsAfter(line, {})
      return { sent: sent.claims.nonce, unsent: unsent.claims.nonce ?? null }
    },
  },
  {
    ...completeLogin,
    id: 'authorize.auth-time-in-id-token',
    says: 'The ID token has `auth_time` only if `max_age` was sent.',
    expected: { sent: 'number', unsent: 'undefined' },
    run: async (line) => {
      const sent = await claimsAfter(line, { max_age: '3600' })
      const unsent = await claimsAfter(line, {})
      return { sent: typeof sent.claims.auth_time, unsent: typeof unsent.claims.auth_time }
    },
  },
  {
    ...completeLogin,
    id: 'authorize.email-declined',
    says: 'A user may decline to share the email address: the login succeeds without the claim.',
    expected: { status: 200, declined: false, granted: true },
    run: async (line) => {
      const scope = 'openid email'
      const declined = await claimsAfter(line, { scope })
      const granted = await claimsAfter(line, { scope, prompt: 'consent' }, { ...allowed, email: 'on' })
      const hasEmail = ({ claims }: typeof granted) => typeof claims.email === 'string'
      return { status: declined.answer.status, declined: hasEmail(declined), granted: hasEmail(granted) }
    },
  },
  {
    ...withUser,
    id: 'authorize.auto-login',
    says: 'If auto login fails, LINE redirects with a code and a state that was not sent.',
    source: at('AUTO'),
    expected: contested(
      'autoLoginFails',
      [false, { callback: false, foreignState: false }],
      [true, { callback: true, foreignState: true }],
    ),
    run: async (line) => {
      const callback = await authorize(line)
      const redirected = typeof callback.code === 'string'
      return {
        callback: redirected,
        foreignState: redirected && typeof callback.state === 'string' && callback.state !== state,
      }
    },
  },
  {
    ...common,
    id: 'authorize.auto-login-disabled',
    says: 'With `disable_auto_login=true` LINE tries no auto login, so none can fail.',
    source: at('AUTO'),
    expected: contested('autoLoginFails', [false, loginContinues], [true, loginContinues]),
    run: (line) => authorize(line, { disable_auto_login: 'true' }),
  },
]
