import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested, type Observations } from './check.ts'
import { callbackOf, jwtParts, pageOf, textIn } from './reading.ts'

const state = 'check0state1'

/** The authorization request every check begins with. */
function request(line: Driver, more: Form = {}): Form {
  return {
    response_type: 'code',
    client_id: line.hold('channel'),
    redirect_uri: line.hold('redirectUri'),
    state,
    scope: 'profile openid',
    ...more,
  }
}

async function ask(line: Driver, more: Form = {}): Promise<Observations> {
  return callbackOf(await line.authorize(request(line, more)), line.hold('redirectUri'))
}

function without(form: Form, name: string): Form {
  return Object.fromEntries(Object.entries(form).filter(([key]) => key !== name))
}

const needs = ['channel', 'redirectUri'] as const
const common = { endpoint: 'authorize', needs, tag: 'D', source: at('INT') } as const
const goesOn = { goesOn: true }

/** A parameter LINE takes: the login goes on. */
const taken: readonly (readonly [id: string, says: string, more: Form, source?: Check['source']])[] = [
  ['plain', 'With the required parameters alone the user gets to log in.', {}],
  ['nonce', '`nonce` is optional.', { nonce: 'n-0S6_WzA2Mj' }],
  ['prompt-consent', '`prompt=consent` is taken.', { prompt: 'consent' }],
  ['prompt-login', '`prompt=login` is taken.', { prompt: 'login' }],
  ['max-age', '`max_age` takes a number of seconds.', { max_age: '3600' }],
  ['ui-locales', '`ui_locales` takes language tags, separated by spaces.', { ui_locales: 'ja en-GB' }],
  ['bot-prompt-normal', '`bot_prompt=normal` is taken.', { bot_prompt: 'normal' }, at('BOT')],
  ['bot-prompt-aggressive', '`bot_prompt=aggressive` is taken.', { bot_prompt: 'aggressive' }, at('BOT')],
  ['initial-amr-display', '`initial_amr_display=lineqr` is taken.', { initial_amr_display: 'lineqr' }],
  ['switch-amr', '`switch_amr=false` is taken.', { switch_amr: 'false' }],
  ['disable-auto-login', '`disable_auto_login=true` is taken.', { disable_auto_login: 'true' }],
  ['disable-ios-auto-login', '`disable_ios_auto_login=true` is taken.', { disable_ios_auto_login: 'true' }],
  [
    'code-challenge',
    'A `code_challenge` by S256 is taken.',
    { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
    at('PKCE'),
  ],
  ['response-mode-query', '`response_mode=query` is taken.', { response_mode: 'query' }],
  ['response-mode-form-post', '`response_mode=form_post` is taken.', { response_mode: 'form_post' }],
  ['email-with-openid', '`email` may be asked for along with `openid`.', { scope: 'openid email' }],
]

/** What comes back to the app as an error, at once, with the state that was sent. */
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
    'A scope LINE does not know is refused.',
    (form) => ({ ...form, scope: 'profile nobody_knows' }),
  ],
  ['scope-email-alone', 'INVALID_SCOPE', '`email` needs `openid`.', (form) => ({ ...form, scope: 'profile email' })],
  [
    'prompt-none',
    'LOGIN_REQUIRED',
    '`prompt=none` fails where nobody is logged in.',
    (form) => ({ ...form, prompt: 'none' }),
  ],
  [
    'code-challenge-plain',
    'INVALID_REQUEST',
    'The method `plain` is not supported.',
    (form) => ({ ...form, code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }),
    at('PKCE'),
  ],
]

const decided = { decision: 'allow' } as const

async function logIn(line: Driver, more: Form = {}, decision: Form = decided): Promise<Answer> {
  return line.logIn(request(line, more), decision)
}

async function cameBack(line: Driver, more: Form = {}, decision: Form = decided) {
  return callbackOf(await logIn(line, more, decision), line.hold('redirectUri'))
}

/** The ID token of a whole login. */
async function claimsAfter(line: Driver, more: Form, decision: Form = decided) {
  const { code } = await cameBack(line, more, decision)
  const answer = await line.post('/oauth2/v2.1/token', {
    grant_type: 'authorization_code',
    code: String(code),
    redirect_uri: line.hold('redirectUri'),
    client_id: line.hold('channel'),
    client_secret: line.hold('secret'),
  })
  return { answer, claims: jwtParts(textIn(answer.body, 'id_token')).claims }
}

const byHand = { ...common, needs: [...needs, 'browser'] } as const
const wholeLogin = { ...common, needs: [...needs, 'secret', 'browser'] } as const

export const authorizeChecks: readonly Check[] = [
  ...taken.map(
    ([id, says, more, source = common.source]): Check => ({
      ...common,
      id: `authorize.${id}`,
      says,
      source,
      expected: goesOn,
      run: (line) => ask(line, more),
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
        const callback = callbackOf(await line.authorize(change(request(line))), line.hold('redirectUri'))
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
      return { error: callbackOf(answer, line.hold('redirectUri')).error }
    },
  },
  {
    ...common,
    id: 'authorize.client-id-unknown',
    says: 'An unknown channel gets an error page and no callback.',
    expected: { status: 400, type: 'text/html', callback: false },
    run: async (line) => pageOf(await line.authorize(request(line, { client_id: '1' }))),
  },
  {
    ...common,
    id: 'authorize.redirect-uri-unregistered',
    says: 'A callback URL that is not registered gets an error page and no callback.',
    expected: { status: 400, type: 'text/html', callback: false },
    run: async (line) =>
      pageOf(await line.authorize(request(line, { redirect_uri: 'https://not.registered.invalid/' }))),
  },
  {
    ...common,
    id: 'authorize.redirect-uri-more-query',
    says: 'A registered callback URL may have more query parameters.',
    source: at('CHK'),
    expected: goesOn,
    run: (line) => ask(line, { redirect_uri: `${line.hold('redirectUri')}?tab=1` }),
  },
  {
    ...byHand,
    id: 'authorize.callback',
    says: 'A login comes back with a code and the state that was sent.',
    expected: { code: true, state, others: [] },
    run: async (line) => {
      const { code, state: echoed, ...others } = await cameBack(line)
      return { code: typeof code === 'string' && code !== '', state: echoed, others: Object.keys(others) }
    },
  },
  {
    ...byHand,
    id: 'authorize.denied',
    says: 'A user who declines comes back with ACCESS_DENIED, a description and the state.',
    expected: { error: 'ACCESS_DENIED', error_description: 'The resource owner denied the request.', state },
    run: (line) => cameBack(line, {}, { decision: 'cancel' }),
  },
  {
    ...byHand,
    id: 'authorize.denied-plus-encoded',
    says: 'The description in the callback is encoded as forms are, with a plus for a space.',
    expected: { encoded: true },
    run: async (line) => {
      const { headers } = await logIn(line, {}, { decision: 'cancel' })
      return { encoded: String(headers.location).includes('error_description=The+resource+owner+denied') }
    },
  },
  {
    ...byHand,
    id: 'authorize.consent-asked',
    says: 'A user who has granted nothing yet is asked for consent.',
    expected: { status: 200, type: 'text/html', callback: false },
    run: async (line) => pageOf(await logIn(line, {}, {})),
  },
  {
    ...byHand,
    id: 'authorize.consent-once',
    says: 'What was granted before is not asked for again.',
    expected: { code: true },
    run: async (line) => {
      await cameBack(line)
      const { code } = await cameBack(line, {}, {})
      return { code: typeof code === 'string' }
    },
  },
  {
    ...byHand,
    id: 'authorize.consent-forced',
    says: '`prompt=consent` asks again for what was granted before.',
    expected: { status: 200, type: 'text/html', callback: false },
    run: async (line) => {
      await cameBack(line)
      return pageOf(await logIn(line, { prompt: 'consent' }, {}))
    },
  },
  {
    ...byHand,
    id: 'authorize.prompt-none-consent',
    says: '`prompt=none` fails with INTERACTION_REQUIRED where consent would have to be asked for.',
    expected: { error: 'INTERACTION_REQUIRED', state },
    run: async (line) => {
      const { headers } = await logIn(line, { scope: 'profile' })
      const cookie = [headers['set-cookie'] ?? []].flat().map((one) => one.split(';')[0])
      const silent = await line.authorize(request(line, { prompt: 'none' }), { cookie: cookie.join('; ') })
      const { error, state: echoed } = callbackOf(silent, line.hold('redirectUri'))
      return { error, state: echoed }
    },
  },
  {
    ...byHand,
    id: 'authorize.friend-added',
    says: '`friendship_status_changed` says whether the official account was added during this login.',
    source: at('BOT'),
    expected: { added: 'true', passedOver: 'false' },
    run: async (line) => {
      const offered = { bot_prompt: 'normal', prompt: 'consent' }
      const passedOver = await cameBack(line, offered)
      const added = await cameBack(line, offered, { ...decided, friend: 'on' })
      return { added: added.friendship_status_changed, passedOver: passedOver.friendship_status_changed }
    },
  },
  {
    ...byHand,
    id: 'authorize.form-post',
    says: '`response_mode=form_post` has the browser post the callback instead of following it.',
    expected: { page: 'text/html', redirected: false, posts: true },
    run: async (line) => {
      const { headers, text } = await logIn(line, { response_mode: 'form_post' })
      const type = String(headers['content-type']).split(';')[0]
      return { page: type, redirected: headers.location !== undefined, posts: /name="code"[^>]*value="\w/.test(text) }
    },
  },
  {
    ...byHand,
    id: 'authorize.response-jwt',
    says: 'The `.jwt` response modes bring one parameter, a JWT signed with HS256.',
    expected: { names: ['response'], header: { typ: 'JWT', alg: 'HS256' } },
    run: async (line) => {
      const callback = await cameBack(line, { response_mode: 'query.jwt' })
      return { names: Object.keys(callback), header: jwtParts(String(callback.response)).header }
    },
  },
  {
    ...wholeLogin,
    id: 'authorize.nonce-in-id-token',
    says: 'The nonce comes back in the ID token, and none where none was sent.',
    expected: { sent: 'n-0S6_WzA2Mj', unsent: null },
    run: async (line) => {
      const sent = await claimsAfter(line, { nonce: 'n-0S6_WzA2Mj' })
      const unsent = await claimsAfter(line, {})
      return { sent: sent.claims.nonce, unsent: unsent.claims.nonce ?? null }
    },
  },
  {
    ...wholeLogin,
    id: 'authorize.auth-time-in-id-token',
    says: 'The ID token has `auth_time` where `max_age` was sent, and only there.',
    expected: { sent: 'number', unsent: 'undefined' },
    run: async (line) => {
      const sent = await claimsAfter(line, { max_age: '3600' })
      const unsent = await claimsAfter(line, {})
      return { sent: typeof sent.claims.auth_time, unsent: typeof unsent.claims.auth_time }
    },
  },
  {
    ...wholeLogin,
    id: 'authorize.email-declined',
    says: 'A user may keep the e-mail address back: the login succeeds without the claim.',
    expected: { status: 200, declined: false, granted: true },
    run: async (line) => {
      const scope = 'openid email'
      const declined = await claimsAfter(line, { scope })
      const granted = await claimsAfter(line, { scope, prompt: 'consent' }, { ...decided, email: 'on' })
      const hasEmail = ({ claims }: typeof granted) => typeof claims.email === 'string'
      return { status: declined.answer.status, declined: hasEmail(declined), granted: hasEmail(granted) }
    },
  },
  {
    ...byHand,
    id: 'authorize.auto-login',
    says: 'Where auto login fails, a code comes back with a state nobody sent.',
    source: at('AUTO'),
    expected: contested(
      'autoLoginFails',
      [false, { callback: false, foreignState: false }],
      [true, { callback: true, foreignState: true }],
    ),
    run: async (line) => {
      const callback = await ask(line)
      const came = typeof callback.code === 'string'
      return { callback: came, foreignState: came && typeof callback.state === 'string' && callback.state !== state }
    },
  },
  {
    ...common,
    id: 'authorize.auto-login-disabled',
    says: 'With `disable_auto_login=true` no auto login is tried, so none can fail.',
    source: at('AUTO'),
    expected: contested('autoLoginFails', [false, goesOn], [true, goesOn]),
    run: (line) => ask(line, { disable_auto_login: 'true' }),
  },
]
