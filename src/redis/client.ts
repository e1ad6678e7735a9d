import { createRequire } from 'node:module'
import type { Redis as Client, RedisOptions } from 'ioredis'

export type { ChainableCommander, Redis as Client } from 'ioredis'

let ioredis: typeof import('ioredis') | undefined

/** The only place that loads ioredis, with the first connection. A process without Redis has no need of it. */
export function createClient(options: Omit<RedisOptions, 'replyMapping'>): Client {
  ioredis ??= load()
  return new ioredis.Redis(options)
}

/**
 * ioredis has a class that extends String. V8 expects changes of String.prototype then and stores it as a dictionary, and it
 * does not end that when a string is read: each method of a string, in the whole process, is looked up at each call. It
 * ends that, for good, when a property of a String object is set.
 */
function load() {
  const loaded = createRequire(import.meta.url)('ioredis') as typeof import('ioredis')
  Object('').any = 0
  return loaded
}
