import type { Revoked } from '../login/revocation.ts'
import { assertCredential } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelOf, isAssumed } from './channel.ts'
import type { Context } from './context.ts'
import { BadUserInput, Unauthenticated } from './errors.ts'
import { accessTokenOf } from './token-answers.ts'

const RevokeTokenInput = builder.inputType('RevokeTokenInput', {
  description: 'The token to revoke: exactly one of `accessToken` and `refreshToken`.',
  fields: (t) => ({
    accessToken: t.string({ description: 'An access token. Its refresh token is not revoked.' }),
    refreshToken: t.string({ description: 'A refresh token. The access tokens issued from it stop working too.' }),
    channelId: t.id({
      description:
        'The ID of the LINE Login channel. Required only for a refresh token, if this gateway has several channels. If LINE issued the refresh token through this gateway, its own channel is used.',
    }),
  }),
})

const RevokeTokenPayload = builder.objectRef<{ readonly revoked: boolean }>('RevokeTokenPayload').implement({
  description: 'The result of `revokeToken`.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', {
      description:
        'True if the token no longer works, even if it was invalid before. False for an access token of a channel that does not belong to this gateway, and for a refresh token that LINE refuses, if this gateway has several channels and did not issue it: it may belong to another channel.',
    }),
  }),
})

builder.mutationField('revokeToken', (t) =>
  t.field({
    type: RevokeTokenPayload,
    nullable: true,
    description:
      'Revokes a token at LINE. The gateway refuses the token from then on: in all its processes, if they share a Redis. An error means that LINE did not confirm it. A token that LINE had accepted or issued through this gateway is refused all the same, and the gateway calls LINE again until it confirms.',
    args: { input: t.arg({ type: RevokeTokenInput, required: true, description: 'The token to revoke.' }) },
    resolve: async (_, { input }, context) => {
      const { accessToken, refreshToken, channelId } = input
      if ((accessToken == null) === (refreshToken == null)) {
        throw new BadUserInput('input', 'must contain exactly one of accessToken and refreshToken')
      }
      if (refreshToken != null) return revokeRefreshToken(refreshToken, channelId, context)
      return revokeAccessToken(accessToken ?? '', channelId, context)
    },
  }),
)

async function revokeRefreshToken(refreshToken: string, channelId: string | null | undefined, context: Context) {
  assertCredential('refreshToken', refreshToken)
  const channel = channelOf(context, channelId)
  const hint = isAssumed(context, channelId) ? undefined : channel
  return payloadOf(await context.services.revocation.revokeRefreshToken(refreshToken, hint, context))
}

/**
 * A malformed access token needs no call: it is invalid already (RFC 7009 section 2.2). Another JWT may be valid where it
 * belongs, so it must not seem revoked.
 */
async function revokeAccessToken(accessToken: string, channelId: string | null | undefined, context: Context) {
  assertCredential('accessToken', accessToken)
  const channel = channelId == null ? undefined : channelOf(context, channelId)
  const { credentials } = context.services
  const token = credentials.readAccessToken(accessToken)
  if (token === undefined) {
    if (credentials.isOtherJwt(accessToken))
      throw new BadUserInput('accessToken', 'is a JWT, not an access token of LINE')
    return { revoked: true }
  }
  return payloadOf(await context.services.revocation.revokeAccessToken(token, context, channel))
}

function payloadOf(outcome: Revoked) {
  return { revoked: outcome.verdict === 'forgotten' || outcome.reason !== 'WRONG_CHANNEL' }
}

const LogoutInput = builder.inputType('LogoutInput', {
  description: 'What `logout` revokes in addition to the Bearer token.',
  fields: (t) => ({
    refreshToken: t.string({
      description: 'The refresh token of the session. Without it, the session can still be refreshed.',
    }),
  }),
})

const LogoutPayload = builder.objectRef<{ readonly revoked: boolean }>('LogoutPayload').implement({
  description: 'The result of `logout`.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', { description: 'Always true. A failure is an error instead.' }),
  }),
})

builder.mutationField('logout', (t) =>
  t.field({
    type: LogoutPayload,
    nullable: true,
    description:
      'Ends the session: revokes the Bearer token at LINE, and the refresh token if you send it. The gateway refuses both from then on: in all its processes, if they share a Redis. An error means that LINE did not confirm it. A session that LINE had accepted or issued through this gateway is refused all the same, and the gateway calls LINE again until it confirms. If you send it again after such an error, `UNAUTHENTICATED` with the reason `REVOKED` means that it is done.',
    args: { input: t.arg({ type: LogoutInput, description: 'What to revoke in addition to the Bearer token.' }) },
    resolve: async (_, { input }, context) => {
      const refreshToken = input?.refreshToken ?? undefined
      if (refreshToken !== undefined) assertCredential('refreshToken', refreshToken)
      const outcome = await context.services.revocation.logout(accessTokenOf(context), refreshToken, context)
      return { revoked: assertRevoked(outcome) }
    },
  }),
)

const DeauthorizePayload = builder.objectRef<{ readonly deauthorized: boolean }>('DeauthorizePayload').implement({
  description: 'The result of `deauthorize`.',
  fields: (t) => ({
    deauthorized: t.exposeBoolean('deauthorized', { description: 'Always true. A failure is an error instead.' }),
  }),
})

builder.mutationField('deauthorize', (t) =>
  t.field({
    type: DeauthorizePayload,
    nullable: true,
    description:
      "Withdraws all permissions that the Bearer token's user has given to the channel. LINE requires this when a user leaves your service. All tokens of this user and channel stop working, and the next login asks for consent again. The access token must be valid, and the gateway must be configured with the channel secret. ID tokens issued before are refused too. An error means that LINE did not confirm it, or did not tell who the user is: the Bearer token is refused all the same, and the gateway calls LINE again until it confirms. If you send it again after such an error, `UNAUTHENTICATED` with the reason `REVOKED` means that it is done.",
    resolve: async (_, __, context) => {
      const { services, clientAddress, deadline } = context
      // It needs up to four calls to LINE, so it has the time of two operations.
      const caller = { clientAddress, deadline: deadline + services.operationMs }
      const outcome = await services.revocation.deauthorize(accessTokenOf(context), caller)
      return { deauthorized: assertRevoked(outcome) }
    },
  }),
)

function assertRevoked(outcome: Revoked): true {
  if (outcome.verdict === 'invalid') throw new Unauthenticated(outcome.reason, outcome)
  return true
}
