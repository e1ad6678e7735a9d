import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'

/** Redis, or the network to it, in trouble. `end` resolves when the trouble is over. */
export type RedisFault = {
  readonly name: string
  begin(fleet: Fleet): Promise<unknown>
  end(fleet: Fleet): Promise<unknown>
}

/** How long each fault lasts, or a little longer. */
export const faultMs = 3_000

/** The arguments that the faults need: data is loaded slowly, and only from this folder. */
export function settingsForFaults(folder: string): readonly string[] {
  return ['--dir', folder, '--key-load-delay', '300', '--loading-process-events-interval-bytes', '1024']
}

/** At 300 µs a key, or a little more, this takes about 3 s. */
const keysToLoad = 8_000

/** Every fault, with this latency before and after it. */
export function redisFaults(folder: string, latencyMs: number): readonly RedisFault[] {
  const command =
    (...words: readonly [string, ...(string | number)[]]) =>
    ({ redis }: Fleet) =>
      redis.command(...words)
  const delay = (ms: number) => async (fleet: Fleet) => void setDelay(fleet, ms)
  const slow = (ms: number): RedisFault => ({
    name: `${ms} ms slower each way`,
    begin: delay(latencyMs + ms),
    end: delay(latencyMs),
  })
  const noMaster = command('REPLICAOF', '127.0.0.1', 1)
  const ownMaster = command('REPLICAOF', 'NO', 'ONE')
  return [
    { name: 'stopped', begin: async ({ redis }) => redis.stop(), end: async ({ redis }) => redis.continue() },
    { name: 'CLIENT PAUSE', begin: command('CLIENT', 'PAUSE', faultMs, 'ALL'), end: command('PING') },
    { name: 'killed, back empty', begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.restart() },
    loading(folder),
    { name: 'connection refused', begin: setAll('cut'), end: setAll('pass') },
    { name: 'black hole', begin: setAll('hang'), end: setAll('pass') },
    flapping(250),
    flapping(100),
    slow(30),
    slow(80),
    slow(500),
    {
      name: 'memory full',
      begin: command('CONFIG', 'SET', 'maxmemory', 1),
      end: command('CONFIG', 'SET', 'maxmemory', 0),
    },
    { name: 'READONLY', begin: noMaster, end: ownMaster },
    {
      name: 'MASTERDOWN',
      begin: async (fleet) => {
        await command('CONFIG', 'SET', 'replica-serve-stale-data', 'no')(fleet)
        await noMaster(fleet)
      },
      end: async (fleet) => {
        await ownMaster(fleet)
        await command('CONFIG', 'SET', 'replica-serve-stale-data', 'yes')(fleet)
      },
    },
    {
      name: 'NOPERM',
      begin: command('ACL', 'SETUSER', 'default', '-@scripting', '-mget', '-set', '-xadd', '-xread'),
      end: command('ACL', 'SETUSER', 'default', '+@all'),
    },
    {
      name: 'password changed',
      begin: async (fleet) => {
        await command('CONFIG', 'SET', 'requirepass', 'another')(fleet)
        await command('CLIENT', 'KILL', 'TYPE', 'normal')(fleet)
      },
      end: command('CONFIG', 'SET', 'requirepass', ''),
    },
  ]
}

export function setDelay({ replicas }: Fleet, ms: number): void {
  for (const { proxy } of replicas) proxy.delayMs = ms
}

export function setAll(mode: 'pass' | 'cut' | 'hang'): (fleet: Fleet) => Promise<void> {
  return async ({ replicas }) => {
    for (const { proxy } of replicas) proxy.set(mode)
  }
}

/** All connections are cut for so long, then new ones work for so long, and so on. */
function flapping(everyMs: number): RedisFault {
  let isOver = false
  let loop: Promise<void> | undefined
  const flap = async (fleet: Fleet) => {
    while (!isOver) {
      await setAll('cut')(fleet)
      await sleep(everyMs)
      await setAll('pass')(fleet)
      await sleep(everyMs)
    }
  }
  return {
    name: `flapping every ${everyMs} ms`,
    begin: async (fleet) => {
      isOver = false
      loop = flap(fleet)
    },
    end: async () => {
      isOver = true
      await loop
    },
  }
}

/** Redis saves its data, with more keys, ends, and starts again. It answers LOADING until all of it is read. */
function loading(folder: string): RedisFault {
  const more = "for n = 1, ARGV[1] do redis.call('SET', 'more' .. n, '', 'PX', 20000) end"
  let loaded: Promise<void> | undefined
  return {
    name: 'killed, back with LOADING',
    begin: async ({ redis }) => {
      await redis.command('EVAL', more, 0, keysToLoad)
      await redis.command('SAVE')
      await redis.kill()
      loaded = redis.restart()
    },
    end: async () => {
      await loaded
      rmSync(join(folder, 'dump.rdb'))
    },
  }
}
