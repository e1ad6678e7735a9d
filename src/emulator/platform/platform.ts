import type { Channel, User } from './accounts.ts'
import { type ChannelTokens, createChannelTokens } from './channel-tokens.ts'
import { type Codes, createCodes } from './codes.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { createSigningKeys, type SigningKeys } from './signing-keys.ts'
import type { Switches } from './switches.ts'
import { createUserTokens, type UserTokens } from './user-tokens.ts'

/** The complete state of the emulated LINE. An endpoint is a function of a request and this state. */
export type Platform = {
  channels: ReadonlyMap<string, Channel>
  users: ReadonlyMap<string, User>
  userTokens: UserTokens
  codes: Codes
  channelTokens: ChannelTokens
  sessions: Sessions
  keys: SigningKeys
  switches: Switches
  now: () => number
}

export function createPlatform(
  channels: readonly Channel[],
  users: readonly User[],
  switches: Switches,
  now: () => number,
): Platform {
  return {
    channels: new Map(channels.map((channel) => [channel.id, channel])),
    users: new Map(users.map((user) => [user.userId, user])),
    userTokens: createUserTokens(now, switches),
    codes: createCodes(now),
    channelTokens: createChannelTokens(now),
    sessions: createSessions(now),
    keys: createSigningKeys(),
    switches,
    now,
  }
}
