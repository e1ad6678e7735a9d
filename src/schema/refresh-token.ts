import { assertCredential } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf } from './channel.ts'
import { TokenSetRef } from './token-set.ts'

const RefreshTokenInput = builder.inputType('RefreshTokenInput', {
  description: 'A refresh token and the channel it belongs to.',
  fields: (t) => ({
    refreshToken: t.string({ required: true, description: 'The refresh token LINE gave last.' }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

builder.mutationField('refreshToken', (t) =>
  t.field({
    type: TokenSetRef,
    description:
      'A new access token for a refresh token. Presented again within half a minute, the same refresh token gives the same answer, so parallel tabs and lost answers do no harm. `INVALID_GRANT` means: log in again. Any other error means: the refresh token may be fine, try again.',
    args: { input: t.arg({ type: RefreshTokenInput, required: true, description: 'What to refresh.' }) },
    resolve: (_, { input }, context) => {
      assertCredential('refreshToken', input.refreshToken)
      const channel = channelOf(context, input.channelId)
      return context.services.refresher.refresh(input.refreshToken, channel, context.clientAddress)
    },
  }),
)
