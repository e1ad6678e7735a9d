import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createRedis, type Redis } from '../src/redis.ts'
import { createTelemetry } from '../src/telemetry/telemetry.ts'
import { freePort } from './harness/free-port.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { describeWithRedis, useRedis } from './harness/redis.ts'

const servers = useRedis()
const open: Redis[] = []
const rejections: unknown[] = []
const noteRejection = (reason: unknown) => void rejections.push(reason)
let lines: string[] = []

beforeEach(() => {
  lines = []
  rejections.length = 0
  process.on('unhandledRejection', noteRejection)
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((redis) => redis.close()))
  process.off('unhandledRejection', noteRejection)
  expect(rejections).toEqual([])
})

const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const rights = '+hello +select +mget +set +del +eval +evalsha +get +xadd +xread +xrange +xrevrange'.split(' ')
/** A busy machine is late. */
const patientMs = 20_000
const echo = { name: 'echo', lua: 'return {ARGV[1], redis.call("GET", KEYS[1]), 7, false}' }

it('a mistake of ours in a command: it is reported, and Redis counts as away', async () => {
  const unexpected = vi.fn()
  const bug = new TypeError('a bug')
  const redisCommand = () => {
    throw bug
  }
  const telemetry = { ...createTelemetry({ logLevel: 'silent' }), unexpected, redisCommand }
  const redis = createRedis(`redis://127.0.0.1:${await freePort()}`, { telemetry })
  open.push(redis)
  expect(await redis.read(['key'])).toBe('away')
  expect(await redis.write([{ delete: 'key' }], { patient: true })).toBe('away')
  expect(unexpected.mock.calls).toEqual(Array(2).fill([bug, 'redis']))
})

describeWithRedis('Redis: the commands', () => {
  it('read: the values of all keys in their order, binary-safe, undefined for those that are not there', async () => {
    const { redis } = await start(patientMs)
    expect(await redis.read(['a', 'b'])).toEqual([undefined, undefined])
    await redis.write([{ set: 'b', value: bytes, forMs: 60_000 }])
    expect(await redis.read(['a', 'b', 'b'])).toEqual([undefined, bytes, bytes])
    expect(await redis.read(['b'], { patient: true })).toEqual([bytes])
    expect(await redis.read([])).toEqual([])
  })

  it('write: carried out in order, in one round trip, one reply each', async () => {
    const { redis, server } = await start(patientMs)
    const value = Buffer.from('1')
    const replies = await redis.write([
      { set: 'a', value, forMs: 0.2 },
      { set: 'b', value, forMs: 60_000 },
      { delete: 'b' },
      { append: 'f', value: bytes },
      { set: 'b', value: bytes, forMs: 60_000 },
    ])
    expect(replies).toEqual(['OK', 'OK', 1, expect.stringMatching(/^\d+-\d+$/), 'OK'])
    expect(await redis.read(['b'])).toEqual([bytes])
    expect(Number(await server.command('PTTL', 'b'))).toBeGreaterThan(50_000)
    expect(await redis.write([])).toEqual([])
  })

  it('write, if absent: a value that is there stays, with its time', async () => {
    const { redis, server } = await start(patientMs)
    const first = { set: 'a', value: bytes, forMs: 60_000, ifAbsent: true }
    expect(await redis.write([first, { ...first, value: Buffer.from('2'), forMs: 1 }])).toEqual(['OK', null])
    expect(await redis.read(['a'])).toEqual([bytes])
    expect(Number(await server.command('PTTL', 'a'))).toBeGreaterThan(50_000)
  })

  it('run: numbers, bytes, lists and null come back; also after Redis has lost the script', async () => {
    const { redis, server } = await start(patientMs)
    await redis.write([{ set: 'k', value: bytes, forMs: 60_000 }])
    const reply = [bytes, bytes, 7, null]
    expect(await redis.run(echo, ['k'], [bytes])).toEqual(reply)
    await server.command('SCRIPT', 'FLUSH')
    expect(await Promise.all(Array.from({ length: 20 }, () => redis.run(echo, ['k'], [bytes])))).toEqual(
      Array(20).fill(reply),
    )
    expect(await redis.run(echo, ['k'], [bytes], { patient: true })).toEqual(reply)
    const ok = { name: 'ok', lua: 'return {redis.status_reply("OK")}' }
    expect(await redis.run(ok, [], [])).toEqual([Buffer.from('OK')])
  })

  it('a stream: entries after an ID, whether one is there, the last one, a wait of a second without new ones', async () => {
    const { redis } = await start(patientMs)
    const stream = redis.openStream('f')
    await expect.poll(() => stream.connections()).toBe(1)
    expect(await stream.last()).toBeUndefined()
    // The wait below ends after a second. By then the other connection must have written.
    await redis.read(['f'])
    const waits = stream.readAfter('0')
    const [id = ''] = (await redis.write([{ append: 'f', value: bytes }])) as string[]
    expect(await waits).toEqual([{ id, value: bytes }])
    expect([await stream.has(id), await stream.has('1-1'), await stream.last()]).toEqual([true, false, id])
    expect(stream.connections()).toBe(1)
    const began = performance.now()
    // A busy machine can be too late with the answer.
    expect(await untilOther(() => stream.readAfter(id), 'away')).toEqual([])
    expect(performance.now() - began).toBeGreaterThan(900)
  })

  it('a database, a user and a password in the URL, percent-encoded; a user with few rights: everything works', async () => {
    const server = await servers.start()
    await server.command('ACL', 'SETUSER', 'us:er', 'on', '>p@ss/w%rd ü', '~*', '-@all', ...rights)
    await server.command('CONFIG', 'SET', 'requirepass', 'another')
    const secret = `${encodeURIComponent('us:er')}:${encodeURIComponent('p@ss/w%rd ü')}`
    const redis = connect(`redis://${secret}@127.0.0.1:${server.port}/3`, patientMs)
    expect(await redis.write([{ set: 'k', value: bytes, forMs: 60_000 }])).toEqual(['OK'])
    await server.command('SELECT', 3)
    expect(await server.command('DBSIZE')).toBe(1)
    expect(await redis.write([{ append: 'f', value: bytes }, { delete: 'none' }])).toHaveLength(2)
    expect(await redis.run(echo, ['k'], ['1'])).toHaveLength(4)
    expect(await redis.read(['k'])).toEqual([bytes])
    const stream = redis.openStream('f')
    const id = await untilOther(() => stream.last(), 'away')
    expect(await stream.has(id ?? '')).toBe(true)
    expect(await stream.readAfter('0')).toHaveLength(1)
    expect(messages('error')).toEqual([])
  })
})

describeWithRedis('Redis in trouble', () => {
  it('refusals are values, counted, logged once, out of memory, read-only, no permission', async () => {
    const { redis, server } = await start(patientMs)
    const set = [{ set: 'k', value: bytes, forMs: 60_000 }]
    await redis.write(set)
    await server.command('CONFIG', 'SET', 'maxmemory', 1)
    for (let round = 0; round < 5; round += 1) expect(await redis.write(set)).toBe('refused')
    expect(await redis.read(['k'])).toEqual([bytes])
    await server.command('CONFIG', 'SET', 'maxmemory', 0)
    const reading = redis.openStream('f')
    await expect.poll(() => reading.connections(), { timeout: 30_000 }).toBe(1)
    const entries = reading.readAfter('0')
    await server.command('REPLICAOF', '127.0.0.1', 1)
    expect(await redis.write(set)).toBe('refused')
    expect(await entries).toBe('away')
    await server.command('REPLICAOF', 'NO', 'ONE')
    await server.command('ACL', 'SETUSER', 'default', '-set', '-eval', '-evalsha')
    // After the second refusal we connect again.
    expect(await untilOther(() => redis.write([...set, { delete: 'k' }]), 'away')).toBe('refused')
    expect(await redis.run(echo, ['k'], [1])).toBe('refused')
    expect(await redis.read(['k'])).toEqual([undefined])
    expect(messages('error')).toEqual(Array(3).fill('REDIS_URL: Redis refuses a command or the connection'))
    expectKnownLines(lines.join(''), 'redisRefuses')
    expect(lines.map((line) => JSON.parse(line).error).filter(Boolean)).toEqual(['OOM', 'READONLY', 'NOPERM'])
    const away = lines.filter((line) => /away/.test(line) && !/stream/.test(line)).map((line) => JSON.parse(line).cause)
    expect(away).toEqual(['READONLY', undefined])
  })

  it('no server: away at once, from the first call on', async () => {
    const server = await servers.start()
    await server.kill()
    const redis = connect(server.url)
    expect(await redis.read(['k'])).toBe('away')
    await expectAwayAtOnce(redis)
    expect(await redis.openStream('f').last()).toBe('away')
  })

  it('our own event loop busy for longer than the deadline: the reply counts', async () => {
    const { redis } = await start()
    const readWhileBusy = () => {
      const reads = Array.from({ length: 10 }, () => redis.read(['k']))
      for (const end = performance.now() + 150; performance.now() < end; );
      return Promise.all(reads)
    }
    // On a busy machine Redis itself can be late: then it is tried again. If our time counted, it would be late each time.
    for (let round = 0; round < 3; round += 1) await expect.poll(readWhileBusy).toEqual(Array(10).fill([undefined]))
  })

  it('a hung server: the first call waits 100 ms, the next ones not; back by itself', async () => {
    const { redis, server } = await start()
    await untilOther(() => redis.read(['k']), 'away')
    server.stop()
    const began = performance.now()
    expect(await redis.read(['k'])).toBe('away')
    expect(performance.now() - began).toBeGreaterThan(95)
    await expectAwayAtOnce(redis)
    server.continue()
    expect(await untilOther(() => redis.read(['k']), 'away')).toEqual([undefined])
    expect(messages('warn')).toContain('Redis is away')
    expect(messages('info')).toContain('Redis is back')
    expectKnownLines(lines.join(''), 'redisAway', 'redisBack')
  })

  it('killed and restarted without data: away meanwhile, then back, and a stream has another connection', async () => {
    const { redis, server } = await start()
    const stream = redis.openStream('f')
    await expect.poll(() => stream.connections(), { timeout: 30_000 }).toBe(1)
    await redis.write([{ set: 'k', value: bytes, forMs: 60_000 }])
    const reading = stream.readAfter('0')
    await server.kill()
    expect(await redis.read(['k'])).toBe('away')
    await expectAwayAtOnce(redis)
    await server.restart()
    expect(await reading).toBe('away')
    expect(await untilOther(() => redis.read(['k']), 'away')).toEqual([undefined])
    expect(await untilOther(() => stream.last(), 'away')).toBeUndefined()
    expect(stream.connections()).toBe(2)
  })

  it('a wrong password: away, and one error line that names REDIS_URL and holds no secret', async () => {
    const server = await servers.start()
    await server.command('CONFIG', 'SET', 'requirepass', 'right')
    const redis = connect(`redis://:wrong-secret@127.0.0.1:${server.port}`)
    expect(await redis.read(['k'])).toBe('away')
    await expectAwayAtOnce(redis)
    const errors = () => lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
    await expect
      .poll(() => errors().map(({ setting, error }) => [setting, error]), { timeout: 30_000 })
      .toEqual(Array(2).fill(['REDIS_URL', 'WRONGPASS']))
    expect(lines.join()).not.toMatch(/wrong-secret|127\.0\.0\.1/)
  })

  it('40 cuts with 12 ms of latency: no unhandled rejection, nothing lost but replies, back afterwards', async () => {
    const server = await servers.start()
    const proxy = await servers.startProxy(server.port)
    proxy.delayMs = 12
    const redis = connect(`${proxy.url}/2`)
    const stream = redis.openStream('f')
    let [isCutting, reading] = [true, Promise.resolve()]
    reading = (async () => {
      while (isCutting) await stream.readAfter('0')
    })()
    const calls: Promise<unknown>[] = []
    for (let cut = 0; cut < 40; cut += 1) {
      calls.push(redis.read(['k']), redis.run(echo, ['k'], [1], { patient: true }))
      calls.push(redis.write([{ append: 'f', value: bytes }, { delete: 'k' }], { patient: true }))
      await sleep(cut % 2 === 0 ? 14 : 30)
      proxy.cut()
    }
    isCutting = false
    await Promise.all(calls)
    await reading
    expect(await untilOther(() => redis.read(['k']), 'away')).toEqual([undefined])
    expect(await untilOther(() => redis.read(['k'], { patient: true }), 'away')).toEqual([undefined])
    expect(await untilOther(() => stream.has('1-1'), 'away')).toBe(false)
  })

  it('a database that the server lacks: nothing is read or written in another one', async () => {
    const { server } = await start()
    const redis = connect(`${server.url}/99`)
    // One line for each of the two connections.
    await expect.poll(() => messages('error'), { timeout: 30_000 }).toHaveLength(2)
    for (let n = 0; n < 20; n += 1) {
      expect(await redis.write([{ set: 'k', value: bytes, forMs: 60_000 }])).toBe('away')
      await sleep(10)
    }
    expect(await server.command('DBSIZE')).toBe(0)
  })

  it('Redis became a replica: writes are refused, and we connect again to find its successor', async () => {
    const { redis, server } = await start()
    await redis.read(['k'])
    await server.command('REPLICAOF', '127.0.0.1', '1')
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1])
    const before = await connections()
    expect(await untilOther(() => redis.write([{ set: 'k', value: bytes, forMs: 60_000 }]), 'away')).toBe('refused')
    await expect.poll(connections, { timeout: 30_000 }).toBeGreaterThan(before)
  })

  it('close while Redis hangs: ends, and so do all calls under way; everything after it is away', async () => {
    const { redis, server } = await start(patientMs)
    const stream = redis.openStream('f')
    await expect.poll(() => stream.connections(), { timeout: 30_000 }).toBe(1)
    await redis.read(['k'])
    server.stop()
    const calls = [redis.read(['k']), redis.run(echo, [], [], { patient: true }), stream.readAfter('0')]
    await redis.close()
    expect(await Promise.all(calls)).toEqual(['away', 'away', 'away'])
    expect(await redis.write([{ delete: 'k' }], { patient: true })).toBe('away')
    expect(await redis.read(['k'])).toBe('away')
    expect(messages('info')).toEqual([])
  })

  it('close: commands that were sent before are carried out', async () => {
    const { redis, server } = await start(patientMs)
    await redis.read(['k'])
    const replies = Array.from({ length: 50 }, (_, n) => redis.write([{ set: `k${n}`, value: bytes, forMs: 60_000 }]))
    await redis.close()
    expect(await Promise.all(replies)).toEqual(Array(50).fill(['OK']))
    expect(await server.command('DBSIZE')).toBe(50)
  })
})

async function start(lookUpMs?: number) {
  const server = await servers.start()
  return { server, redis: connect(server.url, lookUpMs) }
}

/** `lookUpMs`: the limit of a look-up, where it is not what the test is about. Default: that of production. */
function connect(url: string, lookUpMs?: number): Redis {
  const destination = { write: (line: string) => void lines.push(line) }
  const telemetry = createTelemetry({ logLevel: 'info', destination })
  const redis = createRedis(url, { telemetry, ...(lookUpMs !== undefined && { lookUpMs }) })
  open.push(redis)
  return redis
}

/**
 * A timer of 60 ms is set first. A call that waits for Redis would end after it. On a busy machine one call can come after the
 * pause of half a second and probe: then the next one is away at once.
 */
async function expectAwayAtOnce(redis: Redis): Promise<void> {
  await expect.poll(() => Promise.race([sleep(60, 'late'), redis.read(['k'])])).toBe('away')
}

async function untilOther<T>(call: () => Promise<T>, value: T): Promise<T> {
  for (;;) {
    const reply = await call()
    if (reply !== value) return reply
    await sleep(5)
  }
}

function messages(level: 'info' | 'warn' | 'error'): string[] {
  const number = { info: 30, warn: 40, error: 50 }[level]
  return lines.map((line) => JSON.parse(line)).flatMap((line) => (line.level === number ? [line.msg] : []))
}
