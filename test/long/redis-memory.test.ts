import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createRedis, type WriteCommand } from '../../src/redis.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { writeSent, writeTombstone } from '../../src/tokens/shared-events.ts'
import { createSharedNames } from '../../src/tokens/shared-names.ts'
import { digestOf } from '../../src/tokens/token-key.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis, type RedisServer, useRedis } from '../harness/redis.ts'

/** So many that the tables of Redis, which double, are as full as on average. */
const count = 200_000
const inOneTrip = 500
/** A record with a profile, as `writeRecord` writes it: 188 to 257 bytes. */
const meanRecordBytes = 222
const lifeMs = 30 * 24 * 3_600_000
const streamKey = '{lg1}f'

const { entriesOf, tombstonesOf } = createSharedNames({
  secrets: ['a secret of the tests, of 32 bytes'],
  lineUrl: 'https://api.line.me',
  unopened: () => {},
})
const stream = tombstonesOf('stream', 'events').write
const keyAt = (index: number) => digestOf(`token ${index}`)
const eventAt = (index: number) => {
  const facts = { channelId: '1234567890', isConfirmed: true, until: Date.now() + lifeMs }
  return { kind: 'token', key: keyAt(index), ...facts } as const
}

describeWithRedis('the memory of Redis', () => {
  const { start } = useRedis()

  /** The most bytes that one may take: far above what Redis 7.0 needs. */
  it.each<[string, number, (index: number) => WriteCommand]>([
    ['record', 800, recordAt],
    ['tombstone', 600, tombstoneAt],
  ])(`${count} of a kind: bytes for each %s`, async (kind, most, commandAt) => {
    const server = await start()
    const { used, resident } = await fill(server, commandAt)
    print(`Redis ${await versionOf(server)}: ${used} bytes for each ${kind}, ${resident} resident`)
    if (kind === 'record') print(`so 100 million take ${gigabytes(used)} GB, ${gigabytes(resident)} GB resident`)
    expect(used).toBeLessThan(most)
  })

  it('the stream: bytes for each entry, and it does not grow without bound', async () => {
    const server = await start()
    const before = await usedBytes(server)
    await fill(server, appendAt)
    const length = Number(await server.command('XLEN', streamKey))
    const bytes = ((await usedBytes(server)) - before) / length
    print(`Redis ${await versionOf(server)}: ${Math.round(bytes)} bytes for each of ${length} stream entries`)
    expect(length).toBeLessThan(count * 0.6)
    expect(bytes).toBeLessThan(600)
  })
})

function recordAt(index: number): WriteCommand {
  const name = entriesOf('access', keyAt(index)).write
  return { set: name.keyOf('r'), value: name.seal('r', randomBytes(meanRecordBytes)), forMs: lifeMs }
}

function tombstoneAt(index: number): WriteCommand {
  const name = tombstonesOf('access', keyAt(index)).write
  return { set: name.keyOf('t'), value: name.seal('t', writeTombstone(eventAt(index))), forMs: lifeMs }
}

function appendAt(index: number): WriteCommand {
  const sent = { from: '01234567-89ab-cdef-0123-456789abcdef', sentAt: Date.now(), event: eventAt(index) }
  return { append: streamKey, value: stream.seal('e', writeSent(sent)) }
}

async function fill(server: RedisServer, commandAt: (index: number) => WriteCommand) {
  const redis = createRedis(server.url, { telemetry: createSilentTelemetry() })
  const before = [await usedBytes(server), await residentBytes(server)] as const
  for (let from = 0; from < count; from += inOneTrip)
    await writeAll(Array.from({ length: inOneTrip }, (_, index) => commandAt(from + index)))
  await redis.close()
  const [used, resident] = [(await usedBytes(server)) - before[0], (await residentBytes(server)) - before[1]]
  return { used: Math.round(used / count), resident: Math.round(resident / count) }

  /** A busy machine may be late: then the commands are sent again. */
  async function writeAll(commands: readonly WriteCommand[]): Promise<void> {
    await expect.poll(() => redis.write(commands, { patient: true }), { timeout: 60_000 }).toHaveLength(inOneTrip)
  }
}

const usedBytes = (server: RedisServer) => infoOf(server, 'memory', 'used_memory').then(Number)
const residentBytes = (server: RedisServer) => infoOf(server, 'memory', 'used_memory_rss').then(Number)
const versionOf = (server: RedisServer) => infoOf(server, 'server', 'redis_version')

async function infoOf(server: RedisServer, section: string, name: string): Promise<string> {
  const text = String(await server.command('INFO', section))
  return new RegExp(`^${name}:(.*)$`, 'm').exec(text)?.[1]?.trim() ?? ''
}

function gigabytes(bytesOfOne: number): string {
  return ((bytesOfOne * 100_000_000) / 1e9).toFixed(0)
}
