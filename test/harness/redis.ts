import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { Redis as Client } from 'ioredis'
import { afterAll, afterEach, describe } from 'vitest'
import { freePort } from './free-port.ts'

/** Tests that need a real Redis. On a machine without it they are skipped, and the output gives the reason. */
export function describeWithRedis(subject: string, tests: () => void): void {
  if (hasRedis()) return void describe(subject, tests)
  const reason = `redis-server is not installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, tests)
}

export type RedisServer = {
  readonly port: number
  readonly url: string
  /** Stops the process (SIGSTOP): it accepts connections, but it answers nothing. */
  stop(): void
  continue(): void
  /** kill -9. */
  kill(): Promise<void>
  /** Starts again on the same port after `kill`, without data. */
  restart(): Promise<void>
  /** Sends any command, on a connection of the harness. Texts in the reply are strings. */
  command(name: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>
  close(): Promise<void>
}

/** Starts servers and proxies, and ends those that still run after a test. */
export function useRedis() {
  const started: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const { close } of started.splice(0).reverse()) await close()
  })
  return { start, startProxy: proxy }

  async function start(...settings: readonly string[]): Promise<RedisServer> {
    const server = await startRedis(...settings)
    started.push(server)
    return server
  }

  async function proxy(port: number): Promise<RedisProxy> {
    const one = await startProxy(port)
    started.push(one)
    return one
  }
}

/**
 * Like `useRedis`, but `start` gives each test the same server, empty: starting one for each of hundreds of tests costs much.
 * A server that a test has killed, stopped or set up is not used again. Tests have to close their connections.
 */
export function useKeptRedis() {
  const { startProxy } = useRedis()
  let kept: RedisServer | undefined
  let isAsStarted = true
  afterEach(async () => {
    if (isAsStarted) await kept?.command('FLUSHALL')
    else await end()
  })
  afterAll(end)
  return { start, startProxy }

  async function start(): Promise<RedisServer> {
    kept ??= await startRedis()
    const { kill, stop, command } = kept
    return { ...kept, kill: noting(kill), stop: noting(stop), command: noting(command, /^(ACL|CONFIG)$/) }
  }

  async function end(): Promise<void> {
    await kept?.close()
    kept = undefined
    isAsStarted = true
  }

  /** Notes a call that leaves the server other than it was. */
  function noting<Args extends readonly unknown[], Result>(call: (...args: Args) => Result, names = /^/) {
    return (...args: Args): Result => {
      if (names.test(String(args[0]))) isAsStarted = false
      return call(...args)
    }
  }
}

/** Starts a `redis-server` on a free port of loopback, without persistence. `settings`: further arguments. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort()
  let { child, client } = await run(port, settings)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => void child.kill('SIGSTOP'),
    continue: () => void child.kill('SIGCONT'),
    kill,
    restart,
    command: (name, ...args) => client.call(name, ...args),
    close: kill,
  }

  async function restart(): Promise<void> {
    ;({ child, client } = await run(port, settings))
  }

  async function kill(): Promise<void> {
    client.disconnect()
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

async function run(port: number, settings: readonly string[]): Promise<{ child: ChildProcess; client: Client }> {
  const quiet = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--loglevel', 'warning', '--dir', tmpdir()]
  const child = spawn('redis-server', ['--port', `${port}`, ...quiet, ...settings], { stdio: 'ignore' })
  const password = settings[settings.indexOf('--requirepass') + 1]
  const client = new Client(port, '127.0.0.1', {
    ...(settings.includes('--requirepass') && password !== undefined && { password }),
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
  })
  client.on('error', () => {})
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('redis-server ended: is the port in use?')))
  ended.catch(() => client.disconnect())
  await Promise.race([client.ping(), ended])
  return { child, client }
}

/**
 * What a proxy does. `refuse`: it closes new connections at once. `cut`: so, and present ones too. `hang`: a black hole;
 * connections that are open in this mode stay dead.
 */
export type ProxyMode = 'pass' | 'refuse' | 'cut' | 'hang'

export type RedisProxy = {
  readonly port: number
  readonly url: string
  /** For bytes that come from now on, each way. */
  delayMs: number
  set(mode: ProxyMode): void
  /** Closes the present connections. */
  cut(): void
  close(): Promise<void>
}

type Link = { readonly ends: readonly Socket[]; isDead: boolean }

/** A TCP proxy in front of a port of loopback. */
export async function startProxy(port: number): Promise<RedisProxy> {
  const links = new Set<Link>()
  let mode: ProxyMode = 'pass'
  const server = createServer(accept).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = (server.address() as AddressInfo).port
  const proxy = { port: own, url: `redis://127.0.0.1:${own}`, delayMs: 0, set, cut, close }
  return proxy

  function accept(near: Socket): void {
    if (mode === 'refuse' || mode === 'cut') return void near.on('error', () => {}).resetAndDestroy()
    const far = connect(port, '127.0.0.1')
    const link: Link = { ends: [near, far], isDead: mode === 'hang' }
    links.add(link)
    forward(near, far, link)
    forward(far, near, link)
    near.on('close', () => drop(link))
    far.on('close', () => link.isDead || drop(link))
  }

  function forward(from: Socket, to: Socket, link: Link): void {
    const waiting: Buffer[] = []
    from.on('error', () => {})
    from.setNoDelay(true).on('data', (bytes) => {
      waiting.push(bytes)
      if (proxy.delayMs === 0 && waiting.length === 1) pass()
      else setTimeout(pass, proxy.delayMs)
    })

    function pass(): void {
      const bytes = waiting.shift()
      if (bytes !== undefined && !link.isDead && to.writable) to.write(bytes)
    }
  }

  function set(next: ProxyMode): void {
    mode = next
    if (mode === 'cut') cut()
    if (mode === 'hang') for (const link of links) link.isDead = true
  }

  function cut(): void {
    for (const link of links) drop(link)
  }

  function drop(link: Link): void {
    links.delete(link)
    for (const end of link.ends) end.destroy()
  }

  async function close(): Promise<void> {
    cut()
    server.close()
    if (server.listening) await once(server, 'close')
  }
}

export function hasRedis(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
