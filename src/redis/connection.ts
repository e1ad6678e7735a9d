import type { CommandConnection } from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Client } from './client.ts'
import { type Ending, inTime } from './deadline.ts'
import { isNotNow, isReply, wordOf } from './errors.ts'
import { createHealth } from './health.ts'
import { openLink } from './link.ts'
import { createPause } from './pause.ts'
import type { Target } from './target.ts'

/** No answer in time, no connection, or a pause after that. Says nothing about the data. */
export type Away = 'away'
/** Redis answered with an error: out of memory, read-only, no permission. It is there, so this causes no pause. */
export type Refused = 'refused'

/** A connection for commands, with their time limit and the pause after a failure. */
export type Connection = {
  send<T>(command: Command<T>, patience?: Patience): Promise<T | Refused | Away>
  /** Whether the last command was answered, and the connection is there. */
  isUp(): boolean
  close(): Promise<void>
}

/** How long the commands of one operation may still wait, all together: this share of the limit of one command. */
export type Patience = { left: number }

export type Command<T> = (client: Client) => Promise<T>

export type ConnectionOptions = {
  readonly name: CommandConnection
  /** The longest time of one command. */
  readonly limitMs: number
  readonly telemetry: Telemetry
}

/** A connection on which no data came for this long, although a command waits, is dead. */
const silenceMs = 1_000
const closeMs = 100
/** A server that became a replica keeps our connections, and a new one leads to its successor. It is tried this often. */
const readOnlyEveryMs = 10_000
/** A key that does not exist, of those that our user may read. */
const noKey = '{up}'

export function openConnection(target: Target, { name, limitMs, telemetry }: ConnectionOptions): Connection {
  const health = createHealth(name, telemetry)
  const pause = createPause()
  const lost = () => pause.failed('pass')
  const link = openLink(target, { health, lost, silenceMs: Math.max(silenceMs, limitMs) })
  let triedAt = Number.NEGATIVE_INFINITY
  return { send, isUp, close: () => link.close(closeMs) }

  /** After a failure, no command may come for a long time. So this one asks, and the next reading has the answer. */
  function isUp(): boolean {
    const isDoubtful = pause.isOpen() || health.isAway()
    if (isDoubtful && link.isReady() && !pause.isRefusing()) void send((client) => client.mget(noKey))
    return link.isReady() && !isDoubtful
  }

  async function send<T>(command: Command<T>, patience?: Patience): Promise<T | Refused | Away> {
    if (patience === undefined) return sendWithin(command, limitMs)
    const startedAt = performance.now()
    const reply = await sendWithin(command, patience.left * limitMs)
    patience.left -= (performance.now() - startedAt) / limitMs
    return reply
  }

  async function sendWithin<T>(command: Command<T>, ms: number): Promise<T | Refused | Away> {
    const as = ms > 0 && (link.isReady() || link.isNew()) ? pause.enter() : 'refuse'
    if (as === 'refuse') return unsent()
    const startedAt = performance.now()
    const ending = await inTime(begin(command), ms)
    if (ending === 'late' || ('error' in ending && !isReply(ending.error))) return failed(as, ending)
    const seconds = (performance.now() - startedAt) / 1_000
    pause.answered(as)
    if ('error' in ending) return refused(ending.error, seconds)
    if (!pause.isOpen()) health.back()
    telemetry.redisCommand('done', name, seconds)
    return ending.value
  }

  /** The commands of a process that has just started wait for its first connection. */
  async function begin<T>(command: Command<T>): Promise<T> {
    if (link.isNew()) await link.change(limitMs)
    link.gather()
    return command(link.client)
  }

  function failed(as: 'pass' | 'probe', ending: Ending<unknown>): Away {
    pause.failed(as)
    health.away(ending === 'late' ? 'timeout' : 'closed')
    telemetry.redisCommand(ending === 'late' ? 'late' : 'away', name)
    return 'away'
  }

  function refused(error: unknown, seconds: number): Refused | Away {
    const word = wordOf(error)
    if (!isNotNow(error) || word === 'NOAUTH') health.refused(word)
    if (word === 'READONLY') connectAgain()
    if (!isNotNow(error)) {
      telemetry.redisCommand('refused', name, seconds)
      return 'refused'
    }
    health.away(word)
    return unsent()
  }

  function connectAgain(): void {
    if (performance.now() - triedAt < readOnlyEveryMs) return
    triedAt = performance.now()
    link.drop('READONLY')
  }

  function unsent(): Away {
    telemetry.redisCommand('away', name)
    return 'away'
  }
}
