import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { Misconfigured } from '../line/errors.ts'
import { parseChannelToken } from '../line/responses.ts'

export type ChannelTokens = {
  /** A stateless channel access token, kept until 30 s before it expires. Throws `Misconfigured` or an outage. */
  tokenOf(channel: Channel): Promise<string>
  /** Throws `Misconfigured` if the channel has none: LINE issues channel access tokens only for the channel's secret. */
  assertSecret(channel: Channel): void
  drop(channel: Channel): void
}

/** So that a token does not expire on its way to LINE. */
const marginMs = 30_000

type Kept = { readonly channelToken: Promise<string>; readonly usableUntil: () => number }

export type ChannelTokensOptions = {
  readonly now: () => number
  /** Called for a channel without the secret that it needs. */
  readonly misconfigured: (channelId: string) => void
}

export function createChannelTokens(
  line: Pick<LineClient, 'channelToken'>,
  { now, misconfigured }: ChannelTokensOptions,
): ChannelTokens {
  const kept = new Map<string, Kept>()

  return { tokenOf, assertSecret, drop: (channel) => void kept.delete(channel.id) }

  async function tokenOf({ id, secret }: Channel): Promise<string> {
    if (secret === undefined) throw noSecret(id)
    const known = kept.get(id)
    if (known !== undefined && known.usableUntil() > now()) return known.channelToken
    const fetched = fetchToken(id, secret)
    kept.set(id, fetched)
    return fetched.channelToken
  }

  function assertSecret({ id, secret }: Channel): void {
    if (secret === undefined) throw noSecret(id)
  }

  function noSecret(id: string): Misconfigured {
    misconfigured(id)
    return new Misconfigured()
  }

  /** During the fetch all callers wait for the same token. A failure rejects all of them and is not kept. */
  function fetchToken(id: string, secret: string): Kept {
    let usableUntil = Number.POSITIVE_INFINITY
    const channelToken = ask().catch((error) => {
      kept.delete(id)
      throw error
    })
    return { channelToken, usableUntil: () => usableUntil }

    async function ask(): Promise<string> {
      const askedAt = now()
      const answer = parseChannelToken(await line.channelToken({ id, secret }))
      usableUntil = askedAt + answer.expiresInMs - marginMs
      return answer.channelToken
    }
  }
}
