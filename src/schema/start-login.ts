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
  description: 'What LINE shall show although it might not need to.',
  values: {
    CONSENT: { description: 'The consent screen, though everything was granted before.' },
    NONE: {
      description:
        'Nothing: the login fails with `LOGIN_REQUIRED` or `INTERACTION_REQUIRED` where something is needed.',
    },
    LOGIN: { description: 'The login screen, though the user is logged in; switches auto login off.' },
  },
})

const BotPrompt = builder.enumType('BotPrompt', {
  description: 'How LINE offers to add the linked official account as a friend.',
  values: {
    NORMAL: { description: 'An option on the consent screen.' },
    AGGRESSIVE: { description: 'A screen of its own after the consent screen.' },
  },
})

const ResponseMode = builder.enumType('ResponseMode', {
  description: 'How LINE brings the code back.',
  values: {
    QUERY: { description: 'In the query of the redirect URI.' },
    FORM_POST: { description: 'As a form the browser posts to the redirect URI.' },
  },
})

const StartLoginInput = builder.inputType('StartLoginInput', {
  description: 'Where a login shall come back to and what it shall ask the user for.',
  fields: (t) => ({
    redirectUri: t.string({
      required: true,
      description: 'Where LINE sends the user back to: a callback URL registered for the channel, exactly.',
    }),
    scopes: t.stringList({
      defaultValue: ['profile', 'openid'],
      description:
        'What to ask the user for: `profile` or `openid` at least; `email` needs `openid` and a permission of the channel.',
    }),
    channelId: t.id({ description: channelIdDescription }),
    prompt: t.field({ type: LoginPrompt, description: 'What LINE shall show although it might not need to.' }),
    botPrompt: t.field({ type: BotPrompt, description: 'How to offer the linked official account as a friend.' }),
    maxAge: t.int({
      description: 'Seconds since the user last proved who they are, at the most; the ID token then has `authTime`.',
    }),
    uiLocales: t.stringList({ description: "Languages for LINE's screens as language tags, the preferred one first." }),
    initialAmrDisplay: t.string({ description: 'Which way to log in is shown first: `lineqr` for the QR code.' }),
    switchAmr: t.boolean({
      description: 'Whether the user may switch to another way to log in; LINE says yes by itself.',
    }),
    disableAutoLogin: t.boolean({
      description:
        'Switches auto login off. Ask for it when a login comes back with a `state` that is not yours: inside the LINE app that is mostly a failed auto login, and the code is of no use. Start again with this set and a fresh `state`.',
    }),
    disableIosAutoLogin: t.boolean({
      description: 'Switches auto login off on iOS alone; `disableAutoLogin` is the newer way.',
    }),
    responseMode: t.field({ type: ResponseMode, description: 'How LINE brings the code back.' }),
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
    'A login about to begin. Keep `state`, `nonce` and `codeVerifier` where no other site can reach them (a same-origin cookie, the session, the keychain), and send the user to `authorizationUrl`.',
  fields: (t) => ({
    authorizationUrl: t.exposeString('authorizationUrl', {
      description: "LINE's login page for this login: send the user there.",
    }),
    state: t.exposeString('state', {
      description:
        'Comes back with the code. Compare it with the one you kept, and drop the login where they differ: it is not yours, or an auto login that failed (then start again with `disableAutoLogin`).',
    }),
    nonce: t.exposeString('nonce', {
      description: 'Comes back in the ID token. Give it to `exchangeLogin`, which compares the two. Good once.',
    }),
    codeVerifier: t.exposeString('codeVerifier', {
      description: 'Proves that whoever exchanges the code began the login (RFC 7636). Give it to `exchangeLogin`.',
    }),
    redirectUri: t.exposeString('redirectUri', {
      description: 'Where the user comes back to. `exchangeLogin` needs the same.',
    }),
    channelId: t.exposeID('channelId', { description: 'The channel the user logs in to.' }),
  }),
})

builder.mutationField('startLogin', (t) =>
  t.field({
    type: LoginRequestRef,
    description:
      'Prepares a login: state, nonce and PKCE with real randomness, and the address to send the user to. LINE is not asked and nothing is stored.',
    args: { input: t.arg({ type: StartLoginInput, required: true, description: 'What login to prepare.' }) },
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

/** The parameters as LINE names them. https://developers.line.biz/en/docs/line-login/integrate-line-login/ */
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
  // Spaces as %20, which LINE's page asks for, and not as the + of forms.
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value == null ? [] : [`${name}=${encodeURIComponent(String(value))}`]))
    .join('&')
}
