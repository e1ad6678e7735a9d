import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { freePort } from '../harness/free-port.ts'
import type { Section } from './figures.ts'
import { cores, start } from './processes.ts'
import type { Settings } from './subjects.ts'

/** A real `redis-server`, on the core of the fake LINE server. It never writes to the disk. */
export type RedisServer = {
  /** The settings of a gateway that uses it. */
  readonly settings: Settings
  /** The number of keys that it found for readers so far. */
  keysFound(): Promise<number>
  stop(): Promise<void>
}

/** Runs a measure with a Redis of its own. Without `redis-server`, the measure is left out and its section says so. */
export async function withRedis(
  title: string,
  measure: (redis: RedisServer) => Promise<Section>,
): Promise<readonly Section[]> {
  if (!hasRedis) return [leftOut(title)]
  const redis = await startRedis()
  try {
    return [await measure(redis)]
  } finally {
    await redis.stop()
  }
}

const hasRedis = spawnSync('redis-server', ['--version']).error === undefined

function leftOut(title: string): Section {
  process.stderr.write(`${title}: left out, because redis-server is not installed\n`)
  return { title, how: 'Left out, because `redis-server` is not installed on this machine.', figures: [] }
}

async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = start(['redis-server', ...options], { cores: cores.line })
  await ready(child.stdout as Readable)
  const settings = {
    REDIS_URL: `redis://127.0.0.1:${port}`,
    CACHE_SECRET: 'a-secret-of-the-benchmark-alone-and-of-no-one-else',
  }
  return { settings, keysFound: () => keysFound(port), stop }

  async function stop(): Promise<void> {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}

async function ready(stdout: Readable): Promise<void> {
  for await (const line of createInterface(stdout)) {
    if (!line.includes('Ready to accept connections')) continue
    // It must not stop because nobody reads its log.
    stdout.resume()
    return
  }
  throw new Error('redis-server ended before it was ready')
}

async function keysFound(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.write('INFO stats\r\nQUIT\r\n')
  let text = ''
  for await (const chunk of socket) text += chunk
  return Number(/^keyspace_hits:(\d+)/m.exec(text)?.[1])
}
