import type { Channel } from '../config.ts'

export type Channels = {
  isOurs(channelId: string): boolean
  find(channelId: string): Channel | undefined
  readonly all: readonly Channel[]
  /** Set only if exactly one channel is configured. Then all tokens are of that channel. */
  readonly only: Channel | undefined
  /** The channel where a caller names none: the only one, or the one that development assumes. */
  readonly assumed: Channel | undefined
}

/** The configured channels by id. `assumedId`: the channel where a caller names none. It says nothing about other tokens. */
export function createChannels(list: readonly Channel[], assumedId?: string): Channels {
  const byId = new Map(list.map((channel) => [channel.id, channel]))
  const only = list.length === 1 ? list[0] : undefined
  return {
    isOurs: (channelId) => byId.has(channelId),
    find: (channelId) => byId.get(channelId),
    all: list,
    only,
    assumed: only ?? (assumedId === undefined ? undefined : byId.get(assumedId)),
  }
}
