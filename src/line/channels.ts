import type { Channel } from '../config.ts'

export type Channels = {
  isOurs(channelId: string): boolean
  find(channelId: string): Channel | undefined
  readonly all: readonly Channel[]
  /** The channel for calls without a channel id: set only if exactly one channel is configured. */
  readonly only: Channel | undefined
}

/** The configured channels by id. */
export function createChannels(list: readonly Channel[]): Channels {
  const byId = new Map(list.map((channel) => [channel.id, channel]))
  return {
    isOurs: (channelId) => byId.has(channelId),
    find: (channelId) => byId.get(channelId),
    all: list,
    only: list.length === 1 ? list[0] : undefined,
  }
}
