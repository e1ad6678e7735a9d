import { randomText } from '../random-text.ts'
import type { Channel } from './accounts.ts'

/** The lifetime of stateless channel access tokens in seconds: 15 minutes. They cannot be revoked. */
export const CHANNEL_TOKEN_LIFETIME_S = 900

export type ChannelToken = { channel: Channel; expiresAt: number }

export type ChannelTokens = ReturnType<typeof createChannelTokens>

export function createChannelTokens(now: () => number) {
  const tokens = new Map<string, ChannelToken>()

  return { issue, find }

  function issue(channel: Channel): string {
    const token = `eyJhbGciOiJIUzI1NiJ9.${randomText(48)}.${randomText(32)}`
    tokens.set(token, { channel, expiresAt: now() + CHANNEL_TOKEN_LIFETIME_S * 1000 })
    return token
  }

  function find(token: string): ChannelToken | undefined {
    const found = tokens.get(token)
    return found === undefined || found.expiresAt <= now() ? undefined : found
  }
}
