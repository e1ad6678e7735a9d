import { hash, randomBytes } from 'node:crypto'
import {
  assertInitialAmrDisplay,
  assertMaxAge,
  assertRedirectUri,
  assertScopes,
  assertUiLocales,
} from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf } from './channel.ts'

const LoginPrompt = builder.enumType('LoginPrompt', {
  description: 'Forces a screen of LINE, or forbids all screens.',
  values: {
    CONSENT: { description: 'Shows the consent screen, even if the user granted all scopes before.' },
    NONE: {
      description:
        'Shows no screen. If LINE needs one, the login fails with `LOGIN_REQUIRED` or `INTERACTION_REQUIRED`.',
    },
    LOGIN: { description: 'Shows the login screen, even if the user is logged in. Disables auto login.' },
  },
})

const BotPrompt = builder.enumType('BotPrompt', {
  description: 'How LINE offers to add the linked LINE Official Account as a friend.',
  values: {
    NORMAL: { description: 'An option on the consent screen.' },
    AGGRESSIVE: { description: 'A separate screen after the consent screen.' },
  },
})

const ResponseMode = builder.enumType('ResponseMode', {
  description: 'How LINE returns the code.',
  values: {
    QUERY: { description: 'In the query of the redirect URI.' },
    FORM_POST: { description: 'As a form that the browser posts to the redirect URI.' },
  },
})

const StartLoginInput = builder.inputType('StartLoginInput', {
  description: 'The settings of a login: where it returns to, which scopes it requests and which screens LINE shows.',
  fields: (t) => ({
    redirectUri: t.string({
      required: true,
      description: 'The URL that LINE sends the user back to. It must be registered as a callback URL of the channel.',
    }),
    scopes: t.stringList({
      defaultValue: ['profile', 'openid'],
      description:
        'The scopes to request. At least `profile` or `openid` is required. `email` needs `openid`, and the channel must have permission for it.',
    }),
    channelId: t.id({ description: channelIdDescription }),
    prompt: t.field({ type: LoginPrompt, description: 'Forces a screen of LINE, or forbids all screens.' }),
    botPrompt: t.field({
      type: BotPrompt,
      description: 'How LINE offers to add the linked LINE Official Account as a friend.',
    }),
    maxAge: t.int({
      description:
        'The maximum number of seconds since the user last authenticated. The ID token then contains `authTime`.',
    }),
    uiLocales: t.stringList({
      description:
        "The languages for LINE's screens, the preferred one first, as language tags such as `ja` or `en-GB`.",
    }),
    initialAmrDisplay: t.string({ description: 'The login method that LINE shows first: `lineqr` for the QR code.' }),
    switchAmr: t.boolean({
      description: 'Whether the user can switch to another login method. The default is `true`.',
    }),
    disableAutoLogin: t.boolean({
      description:
        'Disables auto login. Set it to start again after a login came back with a wrong `state`: inside the LINE app this is usually a failed auto login, and its code cannot be used. `startLogin` creates a new `state`.',
    }),
    disableIosAutoLogin: t.boolean({
      description: 'Disables auto login on iOS only. Prefer `disableAutoLogin`, which is newer.',
    }),
    responseMode: t.field({ type: ResponseMode, description: 'How LINE returns the code. The default is `QUERY`.' }),
  }),
})

type LoginRequest = {
  readonly authorizationUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly redirectUri: string
  readonly channelId: string
}

const LoginRequestRef = builder.objectRef<LoginRequest>('LoginRequest').implement({
  description:
    'A prepared login. Store `state`, `nonce` and `codeVerifier` where no other site can read them: in a same-origin cookie, in the session or in the keychain. Then send the user to `authorizationUrl`.',
  fields: (t) => ({
    authorizationUrl: t.exposeString('authorizationUrl', {
      description: "The URL of LINE's login page for this login. Send the user there.",
    }),
    state: t.exposeString('state', {
      description:
        'LINE returns it with the code. Compare it with the one you stored. If the two differ, drop the login: you did not start it, or auto login failed. Inside the LINE app, auto login is the usual reason: then start again with `disableAutoLogin`.',
    }),
    nonce: t.exposeString('nonce', {
      description:
        'LINE returns it in the ID token. Send it to `exchangeLogin`, which compares the two. Without the scope `openid` there is no ID token: then do not send it.',
    }),
    codeVerifier: t.exposeString('codeVerifier', {
      description:
        'Proves that the same client starts and completes the login (PKCE, RFC 7636). Send it only to `exchangeLogin`.',
    }),
    redirectUri: t.exposeString('redirectUri', {
      description: 'The URL that LINE sends the user back to. Send the same one to `exchangeLogin`.',
    }),
    channelId: t.exposeID('channelId', { description: 'The LINE Login channel that the user logs in to.' }),
  }),
})

builder.mutationField('startLogin', (t) =>
  t.field({
    type: LoginRequestRef,
    nullable: true,
    description:
      'Prepares a login. Creates a random `state`, `nonce` and PKCE verifier, and the URL to send the user to. Does not call LINE and stores nothing.',
    args: { input: t.arg({ type: StartLoginInput, required: true, description: 'The settings of the login.' }) },
    resolve: (_, { input }, context) => {
      const scopes = [...new Set(input.scopes ?? ['profile', 'openid'])]
      assertRedirectUri(input.redirectUri, context)
      assertScopes(scopes)
      assertMaxAge(input.maxAge)
      assertUiLocales(input.uiLocales)
      assertInitialAmrDisplay(input.initialAmrDisplay)
      const { services } = context
      const request = {
        state: randomBytes(16).toString('hex'),
        nonce: services.nonces.issue(),
        codeVerifier: randomBytes(32).toString('base64url'),
        redirectUri: input.redirectUri,
        channelId: channelOf(context, input.channelId).id,
      }
      const authorizationUrl = `${services.accessUrl}/oauth2/v2.1/authorize?${queryOf(request, scopes, input)}`
      return { ...request, authorizationUrl }
    },
  }),
)

/** The parameters with LINE's names. https://developers.line.biz/en/docs/line-login/integrate-line-login/ */
function queryOf(
  request: Omit<LoginRequest, 'authorizationUrl'>,
  scopes: readonly string[],
  input: typeof StartLoginInput.$inferInput,
): string {
  const parameters = {
    response_type: 'code',
    client_id: request.channelId,
    redirect_uri: request.redirectUri,
    state: request.state,
    scope: scopes.join(' '),
    nonce: request.nonce,
    code_challenge: hash('sha256', request.codeVerifier, 'base64url'),
    code_challenge_method: 'S256',
    prompt: input.prompt?.toLowerCase(),
    bot_prompt: input.botPrompt?.toLowerCase(),
    max_age: input.maxAge,
    ui_locales: input.uiLocales?.join(' ') || undefined,
    initial_amr_display: input.initialAmrDisplay,
    switch_amr: input.switchAmr,
    disable_auto_login: input.disableAutoLogin,
    disable_ios_auto_login: input.disableIosAutoLogin,
    response_mode: input.responseMode?.toLowerCase(),
  }
  // Spaces as %20, as LINE's page requires, and not as + as in forms.
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value == null ? [] : [`${name}=${encodeURIComponent(String(value))}`]))
    .join('&')
}
