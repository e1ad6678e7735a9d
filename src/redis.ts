import type { ChainableCommander, Client } from './redis/client.ts'
import { type CommandFacts, hideStream, traceCommands } from './redis/command-spans.ts'
import { type Away, type Command, openConnection, type Patience, type Refused } from './redis/connection.ts'
import { isNotNow, isReply } from './redis/errors.ts'
import { openStream, type RedisStream, valueField } from './redis/stream.ts'
import { parseTarget } from './redis/target.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export type { Away, Refused } from './redis/connection.ts'
export { mostEntries, type RedisStream, type StreamEntry, valueField } from './redis/stream.ts'

/**
 * The connection to Redis or Valkey: the few commands that we need, with their time limits, and a pause while it is in
 * trouble. Only this file and `redis/` know the client library. Nothing here throws or rejects: trouble is a value.
 */
export type Redis = {
  /** The values of the keys, all read at one moment. `undefined` for a key that does not exist. */
  read(keys: readonly string[], options?: CommandOptions): Promise<readonly (Buffer | undefined)[] | Away>
  /** Runs a script. Nothing comes between its steps. */
  run(script: Script, keys: readonly string[], args: readonly Argument[], options?: CommandOptions): Promise<Reply>
  /**
   * Sends the commands in one round trip, in this order. The reply has one value for each command: the new entry's ID for an
   * `append`. `refused`: Redis refused at least one of them; it may have carried out others.
   */
  write(commands: readonly WriteCommand[], options?: CommandOptions): Promise<readonly unknown[] | Refused | Away>
  /** A stream, read through a connection of its own. It connects at once and again after each loss. */
  openStream(key: string): RedisStream
  /** Closes all connections. Everything after it is `away`. */
  close(): Promise<void>
}

export type Reply = Value | Refused | Away
export type Value = number | null | Buffer | readonly Value[]
export type Argument = string | number | Buffer

export type CommandOptions = {
  /**
   * `false`: at most 100 ms, for look-ups. `true`: at most 1,500 ms on a connection of its own, for refresh tokens and codes,
   * where a second call to LINE is worse than a wait.
   */
  readonly patient?: boolean
  /** What is left of the time that one operation may wait for Redis in all. Default: each command has its own limit. */
  readonly patience?: Patience
}

/** The options of all patient commands of one operation: together they wait as long as one may, 1,500 ms at most. */
export function patientOptions(): CommandOptions {
  return { patient: true, patience: { left: 1 } }
}

const usualPatientMs = 1_500

/** A Lua script. No two scripts have the same name. It returns numbers, byte strings (as Buffer), lists of them, or nil (as null). */
export type Script = { readonly name: string; readonly lua: string }

export type WriteCommand =
  /** `ifAbsent`: a value that is there stays. */
  | { readonly set: string; readonly value: Buffer; readonly forMs: number; readonly ifAbsent?: boolean }
  | { readonly delete: string }
  | { readonly append: string; readonly value: Buffer }

/** The stream keeps at least this many entries. */
export const streamLength = 100_000

export type RedisOptions = {
  readonly telemetry: Telemetry
  /**
   * The limit of a command for a look-up (ms); a patient one has no shorter limit. Tests that count calls to LINE need a longer
   * one: their machine may be busy.
   */
  readonly lookUpMs?: number
}

/** Connects at once. `url`: `redis://` or `rediss://`. While Redis is away, it tries again for ever. */
export function createRedis(url: string, { telemetry, lookUpMs = 100 }: RedisOptions): Redis {
  const target = parseTarget(url)
  const sendTraced = traceCommands(telemetry.tracing, target)
  const patientMs = Math.max(usualPatientMs, lookUpMs)
  const lookUps = unseen(() => openConnection(target, { name: 'look-ups', limitMs: lookUpMs, telemetry }))
  const patient = unseen(() => openConnection(target, { name: 'patient', limitMs: patientMs, telemetry }))
  const streams = new Set<RedisStream>()
  telemetry.gauge('gateway_redis_up', () => Number(lookUps.isUp()))
  return { read, run, write, openStream: open, close }

  async function read(
    keys: readonly string[],
    options?: CommandOptions,
  ): Promise<readonly (Buffer | undefined)[] | Away> {
    if (keys.length === 0) return []
    const values = await send({ operation: 'MGET' }, options, (client) => client.mgetBuffer([...keys]))
    return typeof values === 'string' ? 'away' : values.map((value) => value ?? undefined)
  }

  function run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: CommandOptions,
  ): Promise<Reply> {
    return send({ operation: 'EVALSHA', script: script.name }, options, (client) =>
      commandOf(client, script)(keys.length, ...keys, ...args),
    )
  }

  async function write(
    commands: readonly WriteCommand[],
    options?: CommandOptions,
  ): Promise<readonly unknown[] | Refused | Away> {
    if (commands.length === 0) return []
    return send({ operation: 'PIPELINE', size: commands.length }, options, (client) => sendAll(client, commands))
  }

  function open(key: string): RedisStream {
    const stream = hideStream(
      unseen(() => openStream(target, key, telemetry)),
      telemetry.tracing,
    )
    streams.add(stream)
    return stream
  }

  async function close(): Promise<void> {
    for (const stream of streams) stream.close()
    await Promise.all([lookUps.close(), patient.close()])
  }

  /** Nobody waits for some of the commands: a rejection would end the process. */
  async function send<T>(
    facts: CommandFacts,
    options: CommandOptions | undefined,
    command: Command<T>,
  ): Promise<T | Refused | Away> {
    const connection = options?.patient === true ? patient : lookUps
    try {
      return await sendTraced(facts, () => connection.send(command, options?.patience))
    } catch (error) {
      telemetry.unexpected(error, 'redis')
      return 'away'
    }
  }

  /** What a connection does by itself belongs to no request. */
  function unseen<Opened>(open: () => Opened): Opened {
    const { tracing } = telemetry
    return tracing === undefined ? open() : tracing.apart(() => tracing.unseen(open))
  }
}

type ScriptCommand = (count: number, ...rest: readonly Argument[]) => Promise<Value>

/** The client sends the script once a connection and its digest after that, and sends it again where Redis has lost it. */
function commandOf(client: Client, { name, lua }: Script): ScriptCommand {
  const commands = client as unknown as Record<string, ScriptCommand | undefined>
  const known = commands[`script:${name}Buffer`]
  if (known === undefined) client.defineCommand(`script:${name}`, { lua })
  return (known ?? commands[`script:${name}Buffer`])?.bind(client) as ScriptCommand
}

async function sendAll(client: Client, commands: readonly WriteCommand[]): Promise<readonly unknown[]> {
  const pipeline = client.pipeline()
  for (const command of commands) {
    if ('set' in command) addSet(pipeline, command)
    else if ('delete' in command) pipeline.del(command.delete)
    else pipeline.xadd(command.append, 'MAXLEN', '~', streamLength, '*', valueField, command.value)
  }
  const replies = (await pipeline.exec()) ?? []
  const errors = replies.flatMap(([error]) => error ?? [])
  if (errors.length > 0) throw errors.find((error) => !isReply(error)) ?? errors.find(isNotNow) ?? errors[0]
  return replies.map(([, value]) => value)
}

function addSet(pipeline: ChainableCommander, { set, value, forMs, ifAbsent }: Extract<WriteCommand, { set: string }>) {
  const wholeMs = Math.max(1, Math.ceil(forMs))
  if (ifAbsent === true) pipeline.set(set, value, 'PX', wholeMs, 'NX')
  else pipeline.set(set, value, 'PX', wholeMs)
}
