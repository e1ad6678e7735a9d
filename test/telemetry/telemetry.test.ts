import { describe, expect, it } from 'vitest'
import { createSilentTelemetry, createTelemetry, type LineCall, type Operation } from '../../src/telemetry/telemetry.ts'

function collect(logLevel = 'trace') {
  const lines: string[] = []
  const telemetry = createTelemetry({ logLevel, destination: { write: (line) => lines.push(line) } })
  return { ...telemetry, lines: () => lines.map((line) => JSON.parse(line)), text: () => lines.join('') }
}

const [debug, info, warn, error] = [20, 30, 40, 50]
const call: LineCall = {
  endpoint: 'verify',
  method: 'GET',
  status: 200,
  lineRequestId: 'b1c2',
  outcome: 'answered',
  ms: 12.7,
}
const done: Operation = { kind: 'query', fields: 'viewer', code: 'OK', status: 200, ms: 3.2 }

describe('log lines', () => {
  it('a line: JSON with the time in ISO 8601, without host name and process ID', () => {
    const { log, lines } = collect()
    log.info({ url: 'http://x' }, 'listening')
    expect(lines()).toEqual([
      { level: info, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), url: 'http://x', msg: 'listening' },
    ])
  })

  it('LOG_LEVEL=warn: only lines of that level and above', () => {
    const { lineCall, operation, lines } = collect('warn')
    lineCall(call)
    operation({ ...done, code: 'FORBIDDEN' })
    lineCall({ ...call, status: undefined, outcome: 'failed', failure: 'LINE did not answer' })
    expect(lines().map(({ msg }) => msg)).toEqual(['call to LINE failed'])
  })

  it('a call to LINE: the facts that LINE asks integrators to log', () => {
    const { lineCall, lines } = collect()
    lineCall(call)
    lineCall({ ...call, status: 429, outcome: 'limited' })
    lineCall({ ...call, status: undefined, lineRequestId: undefined, outcome: 'failed', failure: 'timed out' })
    expect(lines()).toMatchObject([
      {
        level: debug,
        endpoint: 'verify',
        method: 'GET',
        status: 200,
        lineRequestId: 'b1c2',
        ms: 13,
        msg: 'called LINE',
      },
      { level: warn, status: 429, outcome: 'limited' },
      { level: warn, outcome: 'failed', failure: 'timed out' },
    ])
  })

  it('an operation: at level info only if it failed or was slow, at level debug always', () => {
    const debugging = collect('debug')
    const normal = collect('info')
    for (const { operation } of [debugging, normal]) {
      operation(done)
      operation({ ...done, ms: 1_000.4 })
      operation({ ...done, code: 'LINE_UNAVAILABLE', lineRequestId: 'b1c2' })
    }
    expect(debugging.lines().map(({ msg }) => msg)).toEqual(['operation', 'slow operation', 'operation failed'])
    expect(normal.lines()).toMatchObject([
      { level: info, msg: 'slow operation', ms: 1_000 },
      { level: info, msg: 'operation failed', code: 'LINE_UNAVAILABLE', fields: 'viewer', lineRequestId: 'b1c2' },
    ])
  })

  it('a silent telemetry: no line of any level', () => {
    expect(createSilentTelemetry().log.isLevelEnabled('fatal')).toBe(false)
  })
})

describe('an unexpected error', () => {
  it('type, message, place, stack and cause: logged', () => {
    const { unexpected, lines } = collect()
    unexpected(new TypeError('no clock', { cause: new RangeError('no time') }), 'operation')
    expect(lines()).toMatchObject([
      {
        level: error,
        msg: 'unexpected error',
        where: 'operation',
        error: 'TypeError',
        message: 'no clock',
        stack: expect.stringMatching(/telemetry\.test\.ts:\d+:\d+/),
        cause: { error: 'RangeError', message: 'no time' },
      },
    ])
  })

  it.each([
    'Invalid URL https://api.line.me/oauth2/v2.1/verify?access_token=eyJhbGciOiJIUzI1NiJ9.SECRETSECRET.x',
    'Unexpected token S in JSON: "SECRETSECRETSECRET"',
    'bad header Bearer SECRETSECRETSECRET',
    'line one\n    at SECRETSECRETSECRET (here)',
    'a\n    at SECRETSECRETSECRET:1:1\n    at b',
    'code=SECRETSECRETSECRET&state=x',
    'form client_secret%3DSECRETSECRETSECRET',
  ])('a message with a secret: redacted in %j', (message) => {
    const { unexpected, text } = collect()
    unexpected(new Error(message, { cause: new Error(message) }), 'operation')
    expect(text()).not.toContain('SECRET')
    expect(text()).toContain('[redacted]')
  })

  it('a thrown value that is no Error: only its type is logged', () => {
    const { unexpected, lines } = collect()
    for (const thrown of ['SECRETSECRETSECRET', 7, null, undefined, { token: 'SECRETSECRETSECRET' }])
      unexpected(thrown, 'metrics')
    expect(lines().map((line) => line.error)).toEqual(['string', 'number', 'object', 'undefined', 'object'])
    expect(JSON.stringify(lines())).not.toContain('SECRET')
  })

  it('other properties of an error: not logged', () => {
    const { unexpected, text } = collect()
    unexpected(
      Object.assign(new Error('x'), { request: { headers: { authorization: 'SECRET' } }, token: 'SECRET' }),
      'operation',
    )
    expect(text()).not.toContain('SECRET')
  })

  it('causes in a circle: one finite line', () => {
    const { unexpected, lines } = collect()
    const circle = new Error('a')
    circle.cause = new Error('b', { cause: circle })
    unexpected(circle, 'operation')
    expect(lines()).toHaveLength(1)
  })
})

describe('metrics', () => {
  it('operations, calls, look-ups and gauges: counted by our own labels', async () => {
    const { operation, lineCall, lookUp, gauge, metrics } = collect('silent')
    operation(done)
    operation({ ...done, code: 'FORBIDDEN' })
    operation({ ...done, code: 'FORBIDDEN' })
    lineCall(call)
    lookUp('fresh')
    let things = 3
    gauge('gateway_things', 'Things in memory', () => things)
    things = 4
    const { text, contentType } = await metrics()
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/)
    for (const line of [
      'gateway_operations_total{kind="query",code="OK"} 1',
      'gateway_operations_total{kind="query",code="FORBIDDEN"} 2',
      'gateway_operation_duration_seconds_count 3',
      'gateway_line_calls_total{endpoint="verify",outcome="answered"} 1',
      'gateway_line_call_duration_seconds_bucket{le="0.025",endpoint="verify"} 1',
      'gateway_token_lookups_total{outcome="fresh"} 1',
      'gateway_things 4',
      'gateway_log_lines_dropped_total 0',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toContain('process_resident_memory_bytes')
  })

  it('two telemetries: separate counts', async () => {
    const [one, other] = [collect('silent'), collect('silent')]
    one.lookUp('missed')
    expect((await other.metrics()).text).not.toContain('outcome="missed"')
  })
})
