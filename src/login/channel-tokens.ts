import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { parseChannelToken } from '../line/responses.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'

export type ChannelTokens = {
  /** A stateless channel access token, kept until 30 s before it expires. Throws `NoChannelSecret` or an outage. */
  tokenOf(channel: Channel): Promise<string>
  drop(channel: Channel): void
}

/** Deauthorizing needs a channel access token, and LINE issues that only for the channel's secret. */
export class NoChannelSecret extends ExpectedError {
  readonly code = 'NO_CHANNEL_SECRET'

  constructor() {
    super('Deauthorizing needs the secret of the channel, which is not configured')
    this.name = 'NoChannelSecret'
  }
}

/** So that a token does not expire on its way to LINE. */
const marginMs = 30_000

type Kept = { readonly channelToken: Promise<string>; readonly usableUntil: () => number }

export function createChannelTokens(line: Pick<LineClient, 'channelToken'>, now: () => number): ChannelTokens {
  const kept = new Map<string, Kept>()

  return { tokenOf, drop: (channel) => void kept.delete(channel.id) }

  async function tokenOf({ id, secret }: Channel): Promise<string> {
    if (secret === undefined) throw new NoChannelSecret()
    const known = kept.get(id)
    if (known !== undefined && known.usableUntil() > now()) return known.channelToken
    const fetched = fetchToken(id, secret)
    kept.set(id, fetched)
    return fetched.channelToken
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
