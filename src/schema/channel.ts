import type { Channel } from '../config.ts'
import type { Context } from './context.ts'
import { BadUserInput } from './errors.ts'

export const channelIdDescription =
  'The ID of the LINE Login channel. Required only if this gateway has several channels.'

/**
 * The channel with this ID. Without an ID, the only channel, or the one that development assumes. Throws `BadUserInput`
 * where there is none.
 */
export function channelOf({ services }: Context, channelId: string | null | undefined): Channel {
  const channel = channelId == null ? services.channels.assumed : services.channels.find(channelId)
  if (channel !== undefined) return channel
  throw new BadUserInput(
    'channelId',
    channelId == null
      ? 'is required, because several channels are configured'
      : 'is not the ID of a configured channel',
  )
}

/** Several channels, and the caller names none: then a credential may be of another channel than the assumed one. */
export function isAssumed({ services }: Context, channelId: string | null | undefined): boolean {
  return channelId == null && services.channels.only === undefined
}

/** The channel of a refresh token. Without an ID: the one it was issued for through us, else the assumed one. */
export function channelOfSession(
  context: Context,
  refreshToken: string,
  channelId: string | null | undefined,
): Channel {
  const channel = channelOf(context, channelId)
  return channelId == null ? context.services.channelOfSession(refreshToken, channel) : channel
}
