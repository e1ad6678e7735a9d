import type { Channel } from '../config.ts'

export type Channels = {
  isOurs(channelId: string): boolean
  find(channelId: string): Channel | undefined
  /** The channel that needs no name: the one that is configured, where it is the only one. */
  readonly only: Channel | undefined
}

/** The configured channels by their ids. */
export function createChannels(list: readonly Channel[]): Channels {
  const byId = new Map(list.map((channel) => [channel.id, channel]))
  return {
    isOurs: (channelId) => byId.has(channelId),
    find: (channelId) => byId.get(channelId),
    only: list.length === 1 ? list[0] : undefined,
  }
}
