import cluster, { type Worker } from 'node:cluster'
import { EventEmitter } from 'node:events'
import { afterEach, expect, it, vi } from 'vitest'
import { startWorkers } from '../../src/cluster/primary.ts'
import { readConfig } from '../../src/config.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'

afterEach(() => void vi.restoreAllMocks())

it('a worker whose process cannot be made: the primary process and the others go on, and it is tried again', async () => {
  const forked: EventEmitter[] = []
  const fork = vi.spyOn(cluster, 'fork').mockImplementation(() => {
    if (fork.mock.calls.length === 3)
      throw Object.assign(new Error('spawn ENOMEM'), { syscall: 'spawn', code: 'ENOMEM' })
    const worker = new EventEmitter()
    const own = { send: () => true, kill: () => true, pid: undefined }
    forked.push(worker)
    setImmediate(() => worker.emit('message', 'ready'))
    return Object.assign(worker, {
      id: forked.length,
      process: own,
      isConnected: () => false,
      send: () => true,
    }) as unknown as Worker
  })
  const unexpected = vi.fn()
  const log = vi.fn()
  const primary = await startWorkers(config(), { ...createSilentTelemetry(), unexpected, log })
  forked[0]?.emit('exit', 1, null)
  await vi.waitUntil(() => forked.length === 3, { timeout: 30_000 })
  expect(unexpected).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ENOMEM' }), 'worker')
  expect(log.mock.calls.map(([name, { how }]) => [name, how])).toEqual([
    ['workerEnded', 'exit 1'],
    ['workerEnded', 'not started'],
  ])
  const closed = primary.close()
  for (const worker of forked.slice(1)) worker.emit('exit', 0, null)
  await closed
})

function config() {
  const secret = 'a secret of thirty-two characters'
  const redis = { REDIS_URL: 'redis://127.0.0.1:1', CACHE_SECRET: secret, WORKERS: '2' }
  const channel = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET: 'x' }
  return readConfig({ ...channel, ...redis, HOST: '127.0.0.1', PORT: '0', SHUTDOWN_DELAY_SECONDS: '0' })
}
