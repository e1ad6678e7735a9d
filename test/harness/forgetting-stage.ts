import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import type { Cell } from './forgetting-cells.ts'
import { type Answers, holdAnswers } from './held-answers.ts'
import type { RedisServer } from './redis.ts'
import { runClock } from './running-clock.ts'
import { noSourceLimit, type RunningGateway, startRunningGateway } from './running-gateway.ts'

/** The gateways of a cell. With one replica, all are the same. */
export type Stage = {
  /** The sessions are opened here. */
  readonly opening: RunningGateway
  /** Somebody asks to forget here. */
  readonly acting: RunningGateway
  /** The session under test is brought to its place here, and all credentials are used here after the act. */
  asked: RunningGateway
  /** LINE's answers to `asked`. */
  readonly answers: Answers
  /** For `starts later`: from now on, `asked` is a new replica. */
  startLater(): Promise<void>
  /** Moves all clocks, that of Redis too. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

/** A database of its own in a server that all cells share. */
export type Database = { readonly server: RedisServer; readonly number: number }

/** `database`: for cells with two replicas. */
export async function setStage(cell: Cell, database: Database | undefined): Promise<Stage> {
  const { dispatcher, answers } = holdAnswers(new Agent())
  const settings = { ...settingsOf(cell), CACHE_SECRET: 'x'.repeat(32) }
  const connections: Redis[] = []
  const isAlone = database === undefined
  const acting = await startRunningGateway(settings, isAlone ? { dispatcher } : { redis: await connect(database) })
  const stopClock = runClock(acting)
  const others: RunningGateway[] = []
  const isLater = cell.replica === 'starts later'
  const asked = isAlone || isLater ? acting : await startOther()
  const stage = { opening: cell.replica === 'opened it' ? asked : acting, acting, asked, answers }
  return Object.assign(stage, { startLater, advance, close })

  async function startOther(): Promise<RunningGateway> {
    const redis = database && (await connect(database))
    const other = await startRunningGateway(settings, { dispatcher, beside: acting, ...(redis && { redis }) })
    others.push(other)
    return other
  }

  async function connect(to: Database): Promise<Redis> {
    const redis = await connectTo(to)
    connections.push(redis)
    return redis
  }

  async function startLater(): Promise<void> {
    if (isLater) stage.asked = await startOther()
  }

  async function advance(ms: number): Promise<void> {
    acting.advance(ms)
    if (database !== undefined) await shorten(database, ms)
  }

  async function close(): Promise<void> {
    stopClock()
    await answers.release()
    await acting.close()
    await Promise.all(others.map((other) => other.close()))
    await Promise.all(connections.map((redis) => redis.close()))
    await dispatcher.destroy()
  }
}

function settingsOf({ place, line }: Cell): NodeJS.ProcessEnv {
  return {
    ...noSourceLimit,
    LOG_LEVEL: 'silent',
    // Long enough for a busy machine, where nothing waits for its end.
    LINE_TIMEOUT_MS: line === 'hanging' ? '3000' : '20000',
    CACHE_MAX_TOKENS: place === 'evicted and back' ? '10' : '1000',
  }
}

/** Here Redis is never away, on a busy machine either. */
async function connectTo({ server, number }: Database): Promise<Redis> {
  const telemetry = createTelemetry({ logLevel: 'silent' })
  const redis = createRedis(`${server.url}/${number}`, { telemetry, lookUpMs: 20_000 })
  while ((await redis.read(['none'])) === 'away') await sleep(10)
  return redis
}

const shortenScript = `
  redis.call('SELECT', ARGV[1])
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left > 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end
  end`

/** Redis has the real time, so the lives of its keys become shorter instead. */
async function shorten({ server, number }: Database, ms: number): Promise<void> {
  await server.command('EVAL', shortenScript, 0, number, Math.round(ms))
}
