import type { Revoked } from '../login/revocation.ts'
import { assertCredential } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf } from './channel.ts'
import type { Context } from './context.ts'
import { BadUserInput, Unauthenticated } from './errors.ts'
import { bearerOf } from './token-answers.ts'

const RevokeTokenInput = builder.inputType('RevokeTokenInput', {
  description: 'The token to revoke: exactly one of the two.',
  fields: (t) => ({
    accessToken: t.string({ description: 'An access token. Its refresh token lives on.' }),
    refreshToken: t.string({ description: 'A refresh token. The access tokens made from it die with it.' }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

const RevokeTokenPayload = builder.objectRef<{ readonly revoked: boolean }>('RevokeTokenPayload').implement({
  description: 'What became of a token to revoke.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', {
      description: 'Whether the token is dead now, or was before. False for a token of a channel that is not ours.',
    }),
  }),
})

builder.mutationField('revokeToken', (t) =>
  t.field({
    type: RevokeTokenPayload,
    description:
      'Revokes a token at LINE and forgets it everywhere at once. With an error of LINE it is refused here all the same, and trying again reaches LINE.',
    args: { input: t.arg({ type: RevokeTokenInput, required: true, description: 'What to revoke.' }) },
    resolve: async (_, { input }, context) => {
      const { accessToken, refreshToken, channelId } = input
      if ((accessToken == null) === (refreshToken == null)) {
        throw new BadUserInput('input', 'must hold exactly one of accessToken and refreshToken')
      }
      if (refreshToken != null) return revokeRefreshToken(refreshToken, channelId, context)
      return revokeAccessToken(accessToken ?? '', channelId, context)
    },
  }),
)

async function revokeRefreshToken(refreshToken: string, channelId: string | null | undefined, context: Context) {
  assertCredential('refreshToken', refreshToken)
  await context.services.revocation.revokeRefreshToken(
    refreshToken,
    channelOf(context, channelId),
    context.clientAddress,
  )
  return { revoked: true }
}

/** What was never an access token needs no revoking (RFC 7009 section 2.2). */
async function revokeAccessToken(accessToken: string, channelId: string | null | undefined, context: Context) {
  assertCredential('accessToken', accessToken)
  const channel = channelId == null ? undefined : channelOf(context, channelId)
  const token = context.services.toAccessToken(accessToken)
  if (token === undefined) return { revoked: true }
  const outcome = await context.services.revocation.revokeAccessToken(token, context.clientAddress, channel)
  return { revoked: outcome.verdict === 'forgotten' || outcome.reason !== 'WRONG_CHANNEL' }
}

const LogoutInput = builder.inputType('LogoutInput', {
  description: 'What to end beside the Bearer token.',
  fields: (t) => ({
    refreshToken: t.string({
      description: 'The refresh token of the session: without it the session could be refreshed.',
    }),
  }),
})

const LogoutPayload = builder.objectRef<{ readonly revoked: boolean }>('LogoutPayload').implement({
  description: 'The end of a session.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', { description: 'Always true: anything else is an error.' }),
  }),
})

builder.mutationField('logout', (t) =>
  t.field({
    type: LogoutPayload,
    description:
      'Ends the session of the Bearer token: it, and the refresh token if given, are revoked at LINE and forgotten everywhere at once. With an error of LINE they are refused here all the same, and trying again reaches LINE.',
    args: { input: t.arg({ type: LogoutInput, description: 'What to end beside the Bearer token.' }) },
    resolve: async (_, { input }, context) => {
      const refreshToken = input?.refreshToken ?? undefined
      if (refreshToken !== undefined) assertCredential('refreshToken', refreshToken)
      const outcome = await context.services.revocation.logout(bearerOf(context), refreshToken, context.clientAddress)
      return { revoked: assertRevoked(outcome) }
    },
  }),
)

const DeauthorizePayload = builder.objectRef<{ readonly deauthorized: boolean }>('DeauthorizePayload').implement({
  description: 'The end of what a user has permitted.',
  fields: (t) => ({
    deauthorized: t.exposeBoolean('deauthorized', { description: 'Always true: anything else is an error.' }),
  }),
})

builder.mutationField('deauthorize', (t) =>
  t.field({
    type: DeauthorizePayload,
    description:
      "Takes back all that the Bearer token's user has permitted, as LINE requires when a user leaves your service: all their tokens die, and the next login asks for consent again. Needs the channel's secret.",
    resolve: async (_, __, context) => {
      const outcome = await context.services.revocation.deauthorize(bearerOf(context), context.clientAddress)
      return { deauthorized: assertRevoked(outcome) }
    },
  }),
)

function assertRevoked(outcome: Revoked): true {
  if (outcome.verdict === 'invalid') throw new Unauthenticated(outcome.reason, outcome.lineRequestId)
  return true
}
