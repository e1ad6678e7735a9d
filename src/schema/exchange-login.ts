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
  description:
    'The code that LINE returned, and the values that you stored from `startLogin`. Compare `state` before you send them.',
  fields: (t) => ({
    code: t.string({
      required: true,
      description: 'The `code` that LINE returned to the redirect URI. Valid for ten minutes and only once.',
    }),
    redirectUri: t.string({
      required: true,
      description: 'The redirect URI of the login, exactly as `startLogin` got it.',
    }),
    codeVerifier: t.string({ description: 'The code verifier of the login. Required if `startLogin` created it.' }),
    nonce: t.string({
      description:
        'The nonce of the login. The ID token must contain the same one. Required if `startLogin` created it and the login has the scope `openid`.',
    }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

/** A login. Its tokens are returned even if the other fields fail. */
type LoginPayload = Login & { readonly claims: () => Promise<IdTokenClaims> | null }

const LoginPayloadRef = builder.objectRef<LoginPayload>('LoginPayload').implement({
  description:
    'A completed login. `tokens` are returned even if another field fails, because the code cannot be used again.',
  fields: (t) => ({
    tokens: t.field({
      type: TokenSetRef,
      description: 'The tokens that LINE issued for this login.',
      resolve: ({ tokens }) => tokens,
    }),
    viewer: t.field({
      type: ViewerRef,
      nullable: true,
      description: 'The user who logged in. Null with its own error if LINE did not answer or a scope is missing.',
      resolve: ({ tokens }, _, context, info) => {
        const token = context.services.toAccessToken(tokens.accessToken)
        return viewerOf(token ?? bearerOf({ ...context, bearer: 'MALFORMED' }), selectedFields(info), context)
      },
    }),
    idToken: t.exposeString('idToken', {
      nullable: true,
      description: 'The ID token as LINE issued it, not checked. Null without the scope `openid`.',
    }),
    idTokenClaims: t.field({
      type: IdTokenClaimsRef,
      nullable: true,
      description:
        'The claims of the ID token, if it passes all checks. Null without the scope `openid`. The error `INVALID_ID_TOKEN` means that a check failed: then do not log the user in, even though `tokens` are returned.',
      resolve: ({ claims }) => claims(),
    }),
  }),
})

builder.mutationField('exchangeLogin', (t) =>
  t.field({
    type: LoginPayloadRef,
    description:
      'Exchanges the code of a login for tokens. A code works once. `INVALID_GRANT` means: start the login again. An error with `retryAfter` means: send the same code again after that time. `LINE_UNAVAILABLE` without `retryAfter` means: the code may be used up, start the login again.',
    args: { input: t.arg({ type: ExchangeLoginInput, required: true, description: 'The login to complete.' }) },
    resolve: async (_, { input }, context, info) => {
      assertCredential('code', input.code)
      assertRedirectUri(input.redirectUri, context)
      assertCodeVerifier(input.codeVerifier)
      assertNonce(input.nonce)
      const channel = channelOf(context, input.channelId)
      const authorization = {
        code: input.code,
        redirectUri: input.redirectUri,
        codeVerifier: input.codeVerifier ?? undefined,
      }
      const login = await context.services.logins.exchangeCode(authorization, channel, context)
      const payload = { ...login, claims: claimsOnce(login, channel, input.nonce ?? undefined, context) }
      const isUnreported = input.nonce != null && !selectedFields(info).has('idTokenClaims')
      if (isUnreported) await reportFailure(payload, context, [info.path.key, 'idTokenClaims'])
      return payload
    },
  }),
)

/** Checks the ID token when its claims are first read, and only once. */
function claimsOnce(login: Login, channel: Channel, nonce: string | undefined, context: Context) {
  let claims: Promise<IdTokenClaims> | undefined
  return () => {
    if (login.idToken === undefined) return null
    claims ??= context.services.idTokens.verify(login.idToken, { nonce, channel }, context)
    return claims
  }
}

/** A caller that sends a nonce gets the error of a wrong one, even if no claims are selected. */
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
