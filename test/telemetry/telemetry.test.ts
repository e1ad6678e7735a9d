import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { LineCall } from '../../src/telemetry/line-call.ts'
import {
  createSilentTelemetry,
  createTelemetry,
  type Operation,
  type Telemetry,
} from '../../src/telemetry/telemetry.ts'
import { version } from '../../src/version.ts'
import { bytesInUse } from '../harness/collect-garbage.ts'
import { expectKnownLines } from '../harness/log-lines.ts'

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
const done: Operation = {
  kind: 'query',
  fields: ['viewer'],
  method: 'POST',
  route: '/graphql',
  code: 'OK',
  status: 200,
  ms: 3.2,
  requestId: 'r-1',
  network: '192.0.2.1',
}

describe('log lines', () => {
  it('a line: JSON with the time in ISO 8601, without host name and process ID', () => {
    const { log, lines } = collect()
    log('listening', { version: '1.2.3', url: 'http://x', settings: ['PORT'] })
    expect(lines()).toEqual([
      {
        level: info,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        version: '1.2.3',
        url: 'http://x',
        settings: ['PORT'],
        msg: 'listening',
      },
    ])
  })

  it('LOG_LEVEL=warn: only lines of that level and above', () => {
    const { lineCall, operation, lines } = collect('warn')
    lineCall(call)
    operation({ ...done, code: 'FORBIDDEN' })
    lineCall({ ...call, status: 500, outcome: 'failed', failure: 'LINE answered with a server error' })
    expect(lines().map(({ msg }) => msg)).toEqual(['call to LINE failed'])
  })

  it('a call to LINE: the facts that LINE asks integrators to log', () => {
    const { lineCall, lines } = collect()
    lineCall(call)
    lineCall({ ...call, status: 429, outcome: 'limited' })
    lineCall({ ...call, status: undefined, lineRequestId: undefined, outcome: 'no_answer', failure: 'timed out' })
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
      { level: warn, outcome: 'no_answer', failure: 'timed out' },
    ])
  })

  it.each([
    ['answered', debug, 'called LINE'],
    ['refused', info, 'call to LINE refused'],
    ['limited', warn, 'call to LINE limited'],
    ['failed', warn, 'call to LINE failed'],
    ['no_answer', warn, 'call to LINE without an answer'],
    ['unreadable', warn, 'call to LINE with an unreadable answer'],
    ['not_sent', warn, 'call to LINE not sent, because of our own queue'],
  ] as const)('a call that is %s: a line of its own kind (D3)', (outcome, level, msg) => {
    const { lineCall, lines } = collect()
    lineCall({ ...call, outcome })
    expect(lines()).toMatchObject([{ level, msg, outcome }])
  })

  it('our own settings refused or missing: an error line that names the setting, the channel and the word (D3)', () => {
    const { lineCall, log, lines } = collect('error')
    const facts = { setting: 'LINE_CHANNELS', channelId: '2000000001' } as const
    lineCall({ ...call, status: 400, outcome: 'refused', error: 'invalid_client', description: 'no', ...facts })
    log('noChannelSecret', facts)
    expect(lines()).toMatchObject([
      { level: error, msg: expect.stringContaining('LINE_CHANNELS'), error: 'invalid_client', ...facts },
      { level: error, msg: expect.stringContaining('LINE_CHANNELS'), ...facts },
    ])
  })

  it('the states of a breaker: one line each, open with the cause and the seconds (D3)', () => {
    const { breaker, lines } = collect('info')
    breaker('verify', { state: 'open', cause: 'limit', forMs: 7_000 })
    breaker('verify', { state: 'half_open' })
    breaker('verify', { state: 'closed' })
    expect(lines()).toMatchObject([
      { level: warn, endpoint: 'verify', state: 'open', cause: 'limit', seconds: 7 },
      { level: info, endpoint: 'verify', state: 'half_open' },
      { level: info, endpoint: 'verify', state: 'closed' },
    ])
  })

  it('the network of the client: in lines of failed operations, in no others (D19)', () => {
    const { operation, lines } = collect('debug')
    operation(done)
    operation({ ...done, ms: 1_001 })
    operation({ ...done, code: 'RATE_LIMITED' })
    expect(lines().map(({ network }) => network)).toEqual([undefined, undefined, '192.0.2.1'])
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

  it('Redis, keys and bugs: each event has its line, those of settings name them', () => {
    const { sharedUnopened, unexpected, log, operation, text, lineCall } = collect('info')
    log('redisAway', { connection: 'stream', cause: 'ECONNRESET' })
    log('redisBack', { connection: 'stream', awayMs: 12 })
    log('redisRefuses', { setting: 'REDIS_URL', connection: 'patient', error: 'NOPERM' })
    for (let n = 0; n < 2; n += 1) sharedUnopened('r')
    for (const name of ['noKeySigns', 'noKeyFile'] as const) log(name, { setting: 'SIGNING_KEYS_FILE' })
    log('streamLost')
    log('linesDropped', { lines: 7 })
    lineCall({ ...call, status: undefined, lineRequestId: undefined, outcome: 'not_sent', failure: 'no time' })
    operation({ ...done, ms: 1_001, traceId: '0af7651916cd43dd8448eb211c80319c' })
    unexpected(new Error('a bug', { cause: 'no error' }), 'operation')
    expectKnownLines(
      text(),
      'noKeySigns',
      'noKeyFile',
      'entryUnopened',
      'streamLost',
      'lineNotSent',
      'operationSlow',
      'unexpected',
    )
    expect(text().match(/cannot be opened/g)).toHaveLength(1)
  })

  it('LOG_LEVEL=fatal: only an error that ends the process', () => {
    const { unexpected, uncaught, lines } = collect('fatal')
    unexpected(new Error('a bug'), 'operation')
    uncaught(new Error('another bug'))
    expect(lines()).toMatchObject([{ level: 60, msg: 'unexpected error', where: 'process', message: 'another bug' }])
  })

  it('LOG_LEVEL=silent: no line of any level', () => {
    const { unexpected, uncaught, lines } = collect('silent')
    unexpected(new Error('a bug'), 'operation')
    uncaught(new Error('another bug'))
    expect(lines()).toEqual([])
  })

  it('members that are no field of the line: left out (D13)', () => {
    const { log, operation, text } = collect('debug')
    const more = { token: 'SECRET', headers: { authorization: 'SECRET' } }
    log('redisBack', { connection: 'stream', awayMs: 1, ...more })
    operation({ ...done, ...more })
    expect(text()).not.toContain('SECRET')
    expect(text()).toContain('"connection":"stream"')
  })

  it('LOG_CLIENT_NETWORK=false: no line has the network or the address of a client (D13)', () => {
    const lines: string[] = []
    const destination = { write: (line: string) => lines.push(line) }
    const { operation, log } = createTelemetry({ logLevel: 'info', logClientNetwork: false, destination })
    operation({ ...done, code: 'RATE_LIMITED' })
    log('unlistedProxy', { address: done.network })
    log('silentProxy', { address: done.network })
    expect(lines).toHaveLength(3)
    expect(lines.join('')).not.toContain(done.network)
    expect(lines[1]).toContain('TRUSTED_PROXIES does not contain the address that sent it')
  })

  it.each([
    ['keyFileRefused', { setting: 'SIGNING_KEYS_FILE', problems: ['x'] }],
    ['lineRefusesSettings', { ...call, setting: 'SIGNING_KEYS_FILE' }],
  ] as const)('%s, an error line that blames a setting: counted, also if it is not written', async (name, values) => {
    const { log, metrics } = collect('silent')
    log(name, values)
    expect((await metrics()).text).toContain('gateway_misconfigured_total{setting="SIGNING_KEYS_FILE"} 1\n')
  })
})

describe('a flood', () => {
  const bug = new Error('a bug')
  /** The lines of a flood of `send`, at most. A slow machine can need some seconds for it. */
  const mostLines = (startedAt: number) => 12 + (performance.now() - startedAt) / 1_000
  const standFor = (lines: { readonly leftOut?: number }[]) =>
    lines.reduce((sum, { leftOut = 0 }) => sum + 1 + leftOut, 0)

  it.each<[string, (telemetry: Telemetry) => void]>([
    ['operations that failed', ({ operation }) => operation({ ...done, code: 'UNAUTHENTICATED' })],
    ['refused calls', ({ lineCall }) => lineCall({ ...call, outcome: 'refused', error: 'invalid_request' })],
    ['unexpected errors', ({ unexpected }) => unexpected(bug, 'operation')],
    ['channels without a secret', ({ log }) => log('noChannelSecret', { setting: 'LINE_CHANNELS', channelId: '1' })],
  ])('10,000 %s: tens of lines, and their counts add up (D19)', (_, send) => {
    const startedAt = performance.now()
    const { lines, ...telemetry } = collect('info')
    for (let n = 0; n < 10_000; n += 1) send(telemetry)
    telemetry.flush()
    expect(lines().length).toBeLessThan(mostLines(startedAt))
    expect(standFor(lines())).toBe(10_000)
  })

  it('at level debug: every line (D19)', () => {
    const { operation, lines } = collect('debug')
    for (let n = 0; n < 100; n += 1) operation({ ...done, code: 'UNAUTHENTICATED' })
    expect(lines()).toHaveLength(100)
  })

  it('of one code: hides no other code (D19)', () => {
    const { operation, lines } = collect('info')
    for (let n = 0; n < 100; n += 1) operation({ ...done, code: 'UNAUTHENTICATED' })
    operation({ ...done, code: 'MISCONFIGURED' })
    expect(lines().map(({ code }) => code)).toContain('MISCONFIGURED')
  })

  it.each(['UNAUTHENTICATED', 'OK'])('at one endpoint, with %s: hides no mutation (D19)', (code) => {
    const { operation, lines } = collect('info')
    for (let n = 0; n < 100; n += 1) operation({ ...done, kind: 'forward_auth', code, ms: 2_000 })
    operation({ ...done, kind: 'mutation', code, ms: 2_000 })
    expect(lines().map(({ kind }) => kind)).toContain('mutation')
  })
})

describe('an unexpected error', () => {
  const throwing = {
    get: () => {
      throw new Error('SECRET')
    },
  }
  it.each<[string, unknown]>([
    ['a message that is no text', Object.assign(new Error('x'), { message: 7 })],
    ['a stack that is no text', Object.assign(new Error('x'), { stack: ['SECRET'] })],
    ['no constructor', Object.assign(new Error('x'), { constructor: undefined })],
    ['a message that throws', Object.defineProperty(new Error('x'), 'message', throwing)],
    ['a cause that throws', Object.defineProperty(new Error('x'), 'cause', throwing)],
    ['a revoked proxy', revoked()],
    ['members of its own', Object.assign(new Error('x'), { token: 'SECRET', toJSON: () => 'SECRET', err: 'SECRET' })],
  ])('with %s: a line of the table', (_, thrown) => {
    const { unexpected, text } = collect()
    unexpected(thrown, 'operation')
    expectKnownLines(text(), 'unexpected')
    expect(text()).not.toContain('SECRET')
  })

  it('type, message, place, request, stack and cause: logged', () => {
    const { unexpected, lines } = collect()
    unexpected(new TypeError('no clock', { cause: new RangeError('no time') }), 'operation', 'r-1')
    expect(lines()).toMatchObject([
      {
        level: error,
        msg: 'unexpected error',
        where: 'operation',
        requestId: 'r-1',
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
    'no user SECRET@example.com',
  ])('a message with a secret: redacted in %j', (message) => {
    const { unexpected, text } = collect()
    unexpected(new Error(message, { cause: new Error(message) }), 'operation')
    expect(text()).not.toContain('SECRET')
    expect(text()).toContain('[redacted]')
  })

  it('a message that was changed after the stack was written: not logged with the stack', () => {
    const { unexpected, lines, text } = collect()
    const changed = new Error('one\n    at SECRETSECRETSECRET (here)\ntwo\n    at SECRETSECRETSECRET')
    // The stack is written when it is read first.
    expect(changed.stack).toContain('SECRET')
    unexpected(Object.assign(changed, { message: 'other' }), 'operation')
    expect(lines()).toMatchObject([{ message: 'other', stack: expect.stringMatching(/telemetry\.test\.ts:\d+:\d+/) }])
    expect(text()).not.toContain('SECRET')
  })

  it('each kind of frame: logged', () => {
    const { unexpected, lines } = collect()
    const stack = [
      '    at parse (file:///a/b.js:1:2)',
      '    at wasm://wasm/22cad77e:wasm-function[1]:0x27',
      '    at run (wasm://wasm/llhttp-22cad77e:wasm-function[12]:0x4a7)',
      '    at eval (eval at <anonymous> (file:///a/b.js:1:2), <anonymous>:3:4)',
      '    at new Promise (<anonymous>)',
      '    at C:\\a\\b.js:1:2',
      '    at async Promise.all (index 0)',
    ].join('\n')
    unexpected(Object.assign(new Error('x'), { stack: `Error: x\n${stack}` }), 'operation')
    expect(lines()).toMatchObject([{ stack }])
  })

  it('errors of an AggregateError: not logged', () => {
    const { unexpected, text } = collect()
    unexpected(new AggregateError([new Error('SECRET')], 'x', { cause: new AggregateError(['SECRET']) }), 'operation')
    expect(text()).not.toContain('SECRET')
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
    for (let times = 0; times < 2; times++)
      operation({ ...done, code: 'FORBIDDEN', failures: new Map([['viewer', 'FORBIDDEN']]) })
    lineCall(call)
    lineCall({ ...call, outcome: 'not_sent' })
    lookUp(['memory', 'fresh'])
    let things = 3
    gauge('gateway_records_max', () => things)
    gauge('gateway_tombstones', () => [[things, 'user']])
    things = 4
    const { text, contentType } = await metrics()
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/)
    for (const line of [
      'gateway_operations_total{operation="viewer",code="OK",outcome="ok"} 1',
      'gateway_operations_total{operation="viewer",code="FORBIDDEN",outcome="refused"} 2',
      'gateway_operations_total{operation="logout",code="OK",outcome="ok"} 0',
      'gateway_operation_duration_seconds_count{kind="query"} 3',
      'http_server_request_duration_seconds_count{http_request_method="POST",http_route="/graphql",http_response_status_code="200",url_scheme="http",error_type=""} 3',
      'gateway_line_calls_total{endpoint="verify",outcome="answered",error=""} 1',
      'gateway_line_calls_not_sent_total{endpoint="verify"} 1',
      'gateway_line_call_duration_seconds_bucket{le="0.025",endpoint="verify"} 1',
      'gateway_token_lookups_total{tier="memory",outcome="fresh"} 1',
      'gateway_records_max 4',
      'gateway_tombstones{kind="user"} 4',
      'gateway_log_lines_dropped_total 0',
      `gateway_build_info{version="${version}",node="${process.version}"} 1`,
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toContain('process_resident_memory_bytes')
  })

  it('two telemetries: separate counts', async () => {
    const [one, other] = [collect('silent'), collect('silent')]
    one.lookUp(['line', 'valid'])
    expect((await other.metrics()).text).toContain('gateway_token_lookups_total{tier="line",outcome="valid"} 0')
  })
})

describe('the metrics of the process', () => {
  it('each telemetry has them, and none stays in memory for them', async () => {
    const [one, other] = [createSilentTelemetry(), createSilentTelemetry()]
    for (const { metrics } of [one, other]) {
      const { text } = await metrics()
      for (const name of [
        'process_resident_memory_bytes',
        'nodejs_eventloop_lag_p99_seconds',
        'nodejs_heap_size_used_bytes',
      ])
        expect(text).toMatch(new RegExp(`^${name} `, 'm'))
      expect(text).toContain('# TYPE nodejs_gc_duration_seconds histogram\n')
    }
    const records = refer()
    // In the turn that made it, a WeakRef keeps its object.
    await setImmediate()
    bytesInUse()
    expect(records.deref()).toBeUndefined()
  })

  /** As the gauges of a gateway refer to its records. */
  function refer(): WeakRef<object> {
    const records = new Map()
    createSilentTelemetry().gauge('gateway_records_max', () => records.size)
    return new WeakRef(records)
  }
})

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
  revoke()
  return proxy
}
