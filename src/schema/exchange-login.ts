import type { GraphQLResolveInfo } from 'graphql'
import type { Channel } from '../config.ts'
import type { IdTokenCheck, Login } from '../login/logins.ts'
import { assertCodeVerifier, assertCredential, assertNonce, assertRedirectUri } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf, isAssumed } from './channel.ts'
import type { Context } from './context.ts'
import { IdTokenClaimsRef } from './id-token.ts'
import { selectedFields } from './selection.ts'
import { issuedTokenOf } from './token-answers.ts'
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
        'The nonce of the login. The ID token must contain the same one. Required if `startLogin` created it and the login has the scope `openid`. Leave it out for a login without that scope: LINE returns no ID token then, so the nonce is wrong.',
    }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

/** A login. Its tokens are returned even if the other fields fail. */
type LoginPayload = Login & {
  /** Checks the ID token when the result is first needed. */
  readonly check: () => Promise<IdTokenCheck>
}

const LoginPayloadRef = builder.objectRef<LoginPayload>('LoginPayload').implement({
  description:
    'A completed login. `tokens` are returned even if another field fails, because the code cannot be used again. If the nonce is wrong, `viewer`, `idToken` and `idTokenClaims` are null with the error `INVALID_ID_TOKEN`: then do not log the user in.',
  fields: (t) => ({
    tokens: t.field({
      type: TokenSetRef,
      description: 'The tokens that LINE issued for this login.',
      resolve: ({ tokens }) => tokens,
    }),
    viewer: t.field({
      type: ViewerRef,
      nullable: true,
      description:
        'The user who logged in. Null with its own error if the nonce is wrong, LINE did not answer or a scope is missing.',
      resolve: async (login, _, context, info) => {
        await assertRightNonce(login)
        return viewerOf(issuedTokenOf(login.tokens, context), selectedFields(info), context)
      },
    }),
    idToken: t.string({
      nullable: true,
      description:
        'The ID token as LINE issued it. Only its nonce is checked: null with an error if the nonce is wrong. Null without the scope `openid`.',
      resolve: async (login) => {
        await assertRightNonce(login)
        return login.idToken
      },
    }),
    idTokenClaims: t.field({
      type: IdTokenClaimsRef,
      nullable: true,
      description:
        'The claims of the ID token, if it passes all checks. Null without the scope `openid`. The error `INVALID_ID_TOKEN` means that a check failed: then do not log the user in, even though `tokens` are returned.',
      resolve: async ({ check }) => {
        const { claims, failure } = await check()
        if (failure !== undefined) throw failure
        return claims
      },
    }),
  }),
})

builder.mutationField('exchangeLogin', (t) =>
  t.field({
    type: LoginPayloadRef,
    nullable: true,
    description:
      'Exchanges the code of a login for tokens. A code works once. `INVALID_GRANT` means: start the login again. An error with `retryAfter` means: send the same code again after that time. If LINE used the code before its answer was lost, you then get `INVALID_GRANT`. `MISCONFIGURED` means: the operator must act, do not retry.',
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
      const exchanged = context.services.logins.exchangeCode(authorization, channel, context)
      const login = await (isAssumed(context, input.channelId)
        ? exchanged.catch(context.services.refusedAs(refusedOrElsewhere))
        : exchanged)
      const payload = { ...login, check: checkOf(login, channel, input.nonce ?? undefined, context) }
      if (input.nonce != null) await reportFailure(payload, context, info)
      return payload
    },
  }),
)

const refusedOrElsewhere =
  'The code is not valid, or it is of another channel: start the login again, or send its channelId'

function checkOf(login: Login, channel: Channel, nonce: string | undefined, context: Context) {
  let check: Promise<IdTokenCheck> | undefined
  return () => {
    check ??= context.services.logins.checkIdToken(login, { nonce, channel }, context)
    return check
  }
}

/** With a wrong nonce, the login may be another user's. Other failures show on the claims alone. */
async function assertRightNonce({ check }: LoginPayload): Promise<void> {
  const { failure, isWrongNonce } = await check()
  if (isWrongNonce) throw failure
}

/** A caller that sends a nonce gets the error of a failed check, even if it selects no field that shows it. */
async function reportFailure({ check }: LoginPayload, context: Context, info: GraphQLResolveInfo): Promise<void> {
  const selected = selectedFields(info)
  if (selected.has('idTokenClaims')) return
  const { failure, isWrongNonce } = await check()
  const isShown = isWrongNonce && (selected.has('viewer') || selected.has('idToken'))
  if (failure !== undefined && !isShown) context.addError(failure, [info.path.key, 'idTokenClaims'])
}
