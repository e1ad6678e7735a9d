import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { connectTo } from './raw-http.ts'
import { hasRedis, type RedisServer, startRedis } from './redis.ts'

export type WatchedRedis = {
  /** For the gateways of the file. Empty without `redis-server` on this machine. */
  settings(): NodeJS.ProcessEnv
  /** Every command that Redis got, and a dump of every key and value. `undefined`: without `redis-server`. */
  everything(): Promise<string | undefined>
}

export const cacheSecret = 'CaNaRy-of-the-cache-secret-0123456789abcdef'

/** A Redis for all tests of a file that notes what it gets. Start the gateways after it. */
export function useWatchedRedis(): WatchedRedis {
  const folder = mkdtempSync(join(tmpdir(), 'watched-redis-'))
  let server: RedisServer | undefined
  let commands = ''
  beforeAll(async () => {
    if (!hasRedis()) return
    server = await startRedis('--dir', folder, '--dbfilename', 'dump.rdb', '--rdbcompression', 'no')
    const monitor = connectTo(server.url)
    monitor.on('data', (some) => (commands += some)).write('MONITOR\r\n')
  })
  afterAll(async () => {
    await server?.close()
    rmSync(folder, { recursive: true })
  })
  return { settings, everything }

  function settings(): NodeJS.ProcessEnv {
    return server === undefined ? {} : { REDIS_URL: server.url, CACHE_SECRET: cacheSecret }
  }

  async function everything(): Promise<string | undefined> {
    if (server === undefined) return undefined
    await server.command('SAVE')
    return commands + readFileSync(join(folder, 'dump.rdb'), 'utf8')
  }
}
