import type { Channel } from '../config.ts'
import type { Context } from './context.ts'
import { BadUserInput } from './errors.ts'

export const channelIdDescription =
  'Which of our LINE Login channels is meant. Needed only where several are configured.'

/** The channel an input names, or the only one. */
export function channelOf({ services }: Context, channelId: string | null | undefined): Channel {
  const channel = channelId == null ? services.channels.only : services.channels.find(channelId)
  if (channel !== undefined) return channel
  throw new BadUserInput(
    'channelId',
    channelId == null ? 'is needed: several channels are configured' : 'is none of our channels',
  )
}
