import { assertCredential } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOfSession, isAssumed } from './channel.ts'
import { TokenSetRef } from './token-set.ts'

const RefreshTokenInput = builder.inputType('RefreshTokenInput', {
  description: 'A refresh token and the channel that it belongs to.',
  fields: (t) => ({
    refreshToken: t.string({ required: true, description: 'The refresh token from the last login or refresh.' }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

builder.mutationField('refreshToken', (t) =>
  t.field({
    type: TokenSetRef,
    nullable: true,
    description:
      'Returns a new access token for a refresh token. The same refresh token gets the same answer for 30 seconds, so parallel tabs and lost answers do no harm. `INVALID_GRANT` means: log in again. `LINE_UNAVAILABLE`, `LINE_RATE_LIMITED` and `RATE_LIMITED` say nothing about the refresh token: keep it and try again later.',
    args: { input: t.arg({ type: RefreshTokenInput, required: true, description: 'The refresh token to use.' }) },
    resolve: (_, { input }, context) => {
      const { refreshToken, channelId } = input
      assertCredential('refreshToken', refreshToken)
      const channel = channelOfSession(context, refreshToken, channelId)
      const refreshed = context.services.refresher.refresh(refreshToken, channel, context)
      return isAssumed(context, channelId) ? refreshed.catch(context.services.refusedAs(refusedOrElsewhere)) : refreshed
    },
  }),
)

const refusedOrElsewhere =
  'The refresh token is no longer valid, or it is of another channel: log in again, or send its channelId'
