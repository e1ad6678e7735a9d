import { createRequire } from 'node:module'
import type { Redis as Client, RedisOptions } from 'ioredis'

export type { ChainableCommander, Redis as Client } from 'ioredis'

let ioredis: typeof import('ioredis') | undefined

/**
 * The only place that loads ioredis, with the first connection. Where it is loaded, V8 reads the properties of all sockets and
 * requests by a slower path: a cached answer costs about a twentieth more CPU. A process without Redis need not pay for that.
 */
export function createClient(options: Omit<RedisOptions, 'replyMapping'>): Client {
  ioredis ??= createRequire(import.meta.url)('ioredis') as typeof import('ioredis')
  return new ioredis.Redis(options)
}
