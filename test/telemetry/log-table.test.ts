import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LogName } from '../../src/telemetry/log-table.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { logDocument, logDocumentFile } from '../harness/log-document.ts'
import { expectKnownLines, logRows } from '../harness/log-lines.ts'
import { project } from '../harness/programs.ts'

/**
 * The table is what the gateway can write: the types and `createLog` take no other line and no other field. These tests compare
 * it with its document, with the code that writes the lines, and with the tests that cause them. After a change of the table:
 *
 *     WRITE_LOG_TABLE=yes npm run -s vitest -- test/telemetry/log-table
 */
const textOf = (file: string) => readFileSync(join(project, file), 'utf8')
if (process.env.WRITE_LOG_TABLE !== undefined) writeFileSync(join(project, logDocumentFile), logDocument())

/** The test that causes each line on purpose and gives its name to `expectKnownLines`. */
const causedIn: Readonly<Record<LogName, string>> = {
  listening: 'test/main.test.ts',
  draining: 'test/main.test.ts',
  closed: 'test/main.test.ts',
  settingWarning: 'test/index.test.ts',
  proxyInUse: 'test/outbound-proxy.test.ts',
  workerEnded: 'test/long/workers.test.ts',
  linesDropped: 'test/long/log-readers.test.ts',
  operation: 'test/operator-log.test.ts',
  operationSlow: 'test/telemetry/telemetry.test.ts',
  operationFailed: 'test/operator-log.test.ts',
  lineAnswered: 'test/operator-log.test.ts',
  lineRefused: 'test/operator-log.test.ts',
  lineLimited: 'test/operator-log.test.ts',
  lineFailed: 'test/operator-log.test.ts',
  lineNoAnswer: 'test/operator-log.test.ts',
  lineUnreadable: 'test/operator-log.test.ts',
  lineNotSent: 'test/telemetry/telemetry.test.ts',
  lineRefusesSettings: 'test/operator-log.test.ts',
  breaker: 'test/operator-log.test.ts',
  breakerOpen: 'test/operator-log.test.ts',
  noChannelSecret: 'test/operator-log.test.ts',
  noKeyFile: 'test/operator-log.test.ts',
  noKeySigns: 'test/telemetry/telemetry.test.ts',
  keyFileTaken: 'test/face-secrets.test.ts',
  keyFileRefused: 'test/face-secrets.test.ts',
  redisAway: 'test/redis.test.ts',
  redisBack: 'test/redis.test.ts',
  redisRefuses: 'test/redis.test.ts',
  entryUnopened: 'test/telemetry/telemetry.test.ts',
  streamLost: 'test/telemetry/telemetry.test.ts',
  revocationsGivenUp: 'test/operator-log.test.ts',
  unlistedProxy: 'test/operator-log.test.ts',
  silentProxy: 'test/endpoints/forward-auth.test.ts',
  unexpected: 'test/telemetry/telemetry.test.ts',
  uncaught: 'test/main.test.ts',
}

describe('the table of log lines', () => {
  it('logs.md is written from it: WRITE_LOG_TABLE=yes writes it again', () => {
    expect(textOf(logDocumentFile)).toBe(logDocument())
  })

  it.each(logRows)('%s: is written by src/, and caused by a test', (name) => {
    const writers = sources.filter((text) => text.includes(`'${name}'`))
    expect(writers.length).toBeGreaterThan(0)
    expect(causedIn[name], 'its test is missing in `causedIn`').toBeDefined()
    const calls = textOf(causedIn[name]).matchAll(/expectKnownLines\(([^;]*?)\)\n/g)
    expect([...calls].flatMap(([call]) => call.match(/'\w+'/g) ?? [])).toContain(`'${name}'`)
  })

  it('two lines of one level: never the same message', () => {
    const ids = logRows.map(([, { level, message }]) => `${level} ${message}`)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('pino: only telemetry/log.ts has it, so nothing else can write lines', () => {
    const users = globSync('src/**/*.ts', { cwd: project }).filter((file) => /from 'pino'/.test(textOf(file)))
    expect(users).toEqual(['src/telemetry/log.ts'])
  })

  it.each([
    ['another message', { level: 30, msg: 'ready' }],
    ['another level', { level: 40, msg: 'draining' }],
    ['another field', { level: 30, msg: 'draining', token: 'x' }],
    ['a field of another type', { level: 40, msg: 'entries of the shared stream were lost', leftOut: '1' }],
    ['no required field', { level: 30, msg: 'Redis is back', connection: 'stream' }],
  ])('the check of the tests finds %s', (_, line) => {
    const text = JSON.stringify({ time: '2026-01-01T00:00:00.000Z', ...line })
    expect(() => expectKnownLines(text)).toThrow()
  })

  it('a line without its fields, or of another name: no type', () => {
    const { log } = createTelemetry({ logLevel: 'silent' })
    // @ts-expect-error no such line
    log('no such line')
    // @ts-expect-error `awayMs` is missing
    log('redisBack', { connection: 'stream' })
    // @ts-expect-error it has no such field
    log('redisBack', { connection: 'stream', awayMs: 1, token: 'x' })
    // @ts-expect-error the message needs the address
    log('unlistedProxy', {})
  })
})

const sources = globSync('src/**/*.ts', { cwd: project })
  .filter((file) => !file.endsWith('log-table.ts'))
  .map(textOf)
