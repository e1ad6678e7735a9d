/**
 * The connection to Redis or Valkey: the few commands that we need, with their time limits, and a pause while it is in
 * trouble. Only this file knows the client library. Nothing here throws or rejects: trouble is a value.
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

/** No answer in time, no connection, or a pause after that. Says nothing about the data. */
export type Away = 'away'
/** Redis answered with an error: out of memory, read-only, no permission. It is there, so this causes no pause. */
export type Refused = 'refused'
export type Reply = Value | Refused | Away
export type Value = number | null | Buffer | readonly Value[]
export type Argument = string | number | Buffer

export type CommandOptions = {
  /**
   * `false`: at most 100 ms, for look-ups. `true`: at most 1,500 ms on a connection of its own, for refresh tokens and codes,
   * where a second call to LINE is worse than a wait.
   */
  readonly patient?: boolean
}

/** A Lua script. It returns numbers, byte strings (as Buffer), lists of them, or nil (as null). */
export type Script = { readonly name: string; readonly lua: string }

export type WriteCommand =
  | { readonly set: string; readonly value: Buffer; readonly forMs: number }
  | { readonly delete: string }
  | { readonly append: string; readonly value: Buffer }

export type StreamEntry = { readonly id: string; readonly value: Buffer }

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
