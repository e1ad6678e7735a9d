import type { Channel } from '../config.ts'
import type { IdTokenClaims } from '../line/id-token.ts'
import type { Login } from '../login/logins.ts'
import { assertCodeVerifier, assertCredential, assertNonce, assertRedirectUri } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf } from './channel.ts'
import type { Context } from './context.ts'
import { IdTokenClaimsRef } from './id-token.ts'
import { selectedFields } from './selection.ts'
import { bearerOf } from './token-answers.ts'
import { TokenSetRef } from './token-set.ts'
import { ViewerRef, viewerOf } from './viewer.ts'

const ExchangeLoginInput = builder.inputType('ExchangeLoginInput', {
  description: 'What came back from LINE, and what was kept from `startLogin`. Compare `state` before you send it.',
  fields: (t) => ({
    code: t.string({ required: true, description: 'The `code` LINE brought back: good for ten minutes, and once.' }),
    redirectUri: t.string({ required: true, description: 'The redirect URI the login was started with, exactly.' }),
    codeVerifier: t.string({ description: 'The code verifier that `startLogin` gave.' }),
    nonce: t.string({ description: 'The nonce that `startLogin` gave. Given, the ID token must have it.' }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

/** A login whose tokens are here whatever becomes of the rest. */
type LoginPayload = Login & { readonly claims: () => Promise<IdTokenClaims> | null }

const LoginPayloadRef = builder.objectRef<LoginPayload>('LoginPayload').implement({
  description:
    'A login that LINE has granted. Whatever else fails, `tokens` are here: the code is spent and comes back no more.',
  fields: (t) => ({
    tokens: t.field({ type: TokenSetRef, description: 'The tokens of the login.', resolve: ({ tokens }) => tokens }),
    viewer: t.field({
      type: ViewerRef,
      nullable: true,
      description: 'Who logged in. Null with an error of its own when LINE could not be asked.',
      resolve: ({ tokens }, _, context, info) => {
        const token = context.services.toAccessToken(tokens.accessToken)
        return viewerOf(token ?? bearerOf({ ...context, bearer: 'MALFORMED' }), selectedFields(info), context)
      },
    }),
    idToken: t.exposeString('idToken', {
      nullable: true,
      description: 'The ID token as LINE issued it, unchecked; null without the scope `openid`.',
    }),
    idTokenClaims: t.field({
      type: IdTokenClaimsRef,
      nullable: true,
      description:
        'The claims of the ID token, once they can be believed; null without the scope `openid`. An ID token that fails a check is the error `INVALID_ID_TOKEN`: then do not log the user in, whatever the tokens say.',
      resolve: ({ claims }) => claims(),
    }),
  }),
})

builder.mutationField('exchangeLogin', (t) =>
  t.field({
    type: LoginPayloadRef,
    description:
      'Exchanges the code of a login for tokens. A code works once: `INVALID_GRANT` means that the login has to be started again, `LINE_UNAVAILABLE` without `retryAfter` that the code may be spent.',
    args: { input: t.arg({ type: ExchangeLoginInput, required: true, description: 'The login to complete.' }) },
    resolve: async (_, { input }, context, info) => {
      assertCredential('code', input.code)
      assertRedirectUri(input.redirectUri, context)
      assertCodeVerifier(input.codeVerifier)
      assertNonce(input.nonce)
      const channel = channelOf(context, input.channelId)
      const grant = { code: input.code, redirectUri: input.redirectUri, codeVerifier: input.codeVerifier ?? undefined }
      const login = await context.services.logins.exchangeCode(grant, channel, context.clientAddress)
      const payload = { ...login, claims: claimsOnce(login, channel, input.nonce ?? undefined, context) }
      const unseen = input.nonce != null && !selectedFields(info).has('idTokenClaims')
      if (unseen) await reportFailure(payload, context, [info.path.key, 'idTokenClaims'])
      return payload
    },
  }),
)

/** The ID token is checked when somebody looks, and once: its nonce is good once. */
function claimsOnce(login: Login, channel: Channel, nonce: string | undefined, context: Context) {
  let claims: Promise<IdTokenClaims> | undefined
  return () => {
    if (login.idToken === undefined) return null
    claims ??= context.services.idTokens.verify(login.idToken, { nonce, channel })
    return claims
  }
}

/** Whoever gives a nonce wants it compared, and hears of it when it is wrong though no claim was asked for. */
async function reportFailure(
  payload: LoginPayload,
  context: Context,
  path: readonly (string | number)[],
): Promise<void> {
  try {
    await payload.claims()
  } catch (error) {
    context.addError(error, path)
  }
}
