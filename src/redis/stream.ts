import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Away, Command } from './connection.ts'
import { inTime } from './deadline.ts'
import { isNotNow, isReply, wordOf } from './errors.ts'
import { createHealth } from './health.ts'
import { openLink } from './link.ts'
import type { Target } from './target.ts'

export type StreamEntry = { readonly id: string; readonly value: Buffer }

/**
 * `away` comes with the next connection, with a failed try to connect, or after a second. So a loop that asks again needs no
 * pause of its own. A call never goes on with another connection than the one it began with.
 */
export type RedisStream = {
  /** The entries after this ID, at most 200. Waits up to a second for the first one: `[]` if there was none. */
  readAfter(id: string): Promise<readonly StreamEntry[] | Away>
  /** Whether the entry is still there. */
  has(id: string): Promise<boolean | Away>
  /** The ID of the last entry. `undefined`: the stream is empty. */
  last(): Promise<string | undefined | Away>
  /** How many connections there were so far. Another number than before: entries and data may have been lost. */
  connections(): number
  close(): void
}

/** `readAfter` gives no more entries than this. With fewer, it has read all that there are. */
export const mostEntries = 200
const waitMs = 1_000
/** Redis answers after `waitMs` even if there is no entry. So a reply that is this late means: the connection is dead. */
const limitMs = 1_400

/** The field of an entry that holds its value. */
export const valueField = 'v'

export function openStream(target: Target, key: string, telemetry: Telemetry): RedisStream {
  const health = createHealth('stream', telemetry)
  const link = openLink(target, { health })
  return { readAfter, has, last, connections: link.connections, close: () => void link.close(0) }

  function readAfter(id: string): Promise<readonly StreamEntry[] | Away> {
    return send(async (client) => {
      const position = ['COUNT', mostEntries, 'BLOCK', waitMs, 'STREAMS', key, id] as const
      const streams = await client.xreadBuffer(...position)
      return streams?.flatMap(([, entries]) => entries.map(readEntry)) ?? []
    })
  }

  function has(id: string): Promise<boolean | Away> {
    return send(async (client) => (await client.xrange(key, id, id)).length > 0)
  }

  function last(): Promise<string | undefined | Away> {
    return send(async (client) => (await client.xrevrange(key, '+', '-', 'COUNT', 1))[0]?.[0])
  }

  /** After a failure it waits for the next connection. That one may have lost entries, so the callers must look first. */
  async function send<T>(command: Command<T>): Promise<T | Away> {
    if (link.isReady()) {
      const ending = await inTime(command(link.client), limitMs)
      if (ending === 'late') link.drop('timeout')
      else if ('value' in ending) return ending.value
      else if (isReply(ending.error) && !isNotNow(ending.error)) health.refused(wordOf(ending.error))
    }
    await link.change(waitMs)
    return 'away'
  }
}

function readEntry([id, fields]: readonly [Buffer, readonly Buffer[]]): StreamEntry {
  return { id: id.toString(), value: fields[1] ?? Buffer.alloc(0) }
}
