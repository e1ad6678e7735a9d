import { deserialize, serialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { createSilentTelemetry, type Telemetry } from '../../src/telemetry/telemetry.ts'
import { createWorkerNumbers, type Numbers } from '../../src/telemetry/worker-numbers.ts'
import { metricValue } from '../harness/metric-value.ts'

/** As a message to the primary process. */
const told = async (worker: Telemetry): Promise<Numbers> => deserialize(serialize(await worker.numbers()))

type Gauges = { readonly up: 0 | 1; readonly state: string; readonly lag: number; readonly leftSeconds: number }

/** A worker that has made one call to LINE. */
function startWorker({ up, state, lag, leftSeconds }: Gauges): Telemetry {
  const worker = createSilentTelemetry()
  worker.gauge('gateway_redis_up', () => up)
  worker.gauge('gateway_line_breaker_state', () =>
    ['closed', 'open'].map((one) => [Number(one === state), 'verify', one]),
  )
  worker.gauge('gateway_shared_lag_seconds', () => lag)
  worker.gauge('gateway_signing_key_left_seconds', () => leftSeconds)
  const requests = worker.lineRequests('api.line.me', '443')
  requests.observe(0.02, 'GET', '200', '')
  worker.lineCall({
    endpoint: 'verify',
    method: 'GET',
    status: 200,
    lineRequestId: undefined,
    outcome: 'answered',
    ms: 20,
  })
  worker.redisCommand('done', 'look-ups', 0.25)
  return worker
}

const one = { up: 1, state: 'open', lag: 0.5, leftSeconds: Number.POSITIVE_INFINITY } as const
const other = { up: 0, state: 'closed', lag: 30, leftSeconds: 100 } as const

async function begin(...gauges: readonly Gauges[]) {
  const primary = createSilentTelemetry()
  primary.count('gateway_workers_ended_total', 'SIGKILL')
  const all = createWorkerNumbers()
  const workers = gauges.map(startWorker)
  for (const [id, worker] of workers.entries()) all.keep(id, await told(worker))
  const read = async () => (await all.write(await primary.numbers())).text
  return { all, read }
}

describe('the metrics of two workers and their primary process', () => {
  it('counters and histograms are sums, and each series is there once', async () => {
    const { read } = await begin(one, other)
    const text = await read()
    expect(metricValue(text, 'gateway_line_calls_total{endpoint="verify",outcome="answered"}')).toBe(2)
    expect(metricValue(text, 'gateway_line_calls_total')).toBe(2)
    expect(metricValue(text, 'gateway_line_call_duration_seconds_count{endpoint="verify"}')).toBe(2)
    expect(metricValue(text, 'http_client_request_duration_seconds_count')).toBe(2)
    expect(metricValue(text, 'http_client_request_duration_seconds_sum')).toBe(0.04)
    expect(metricValue(text, 'gateway_redis_command_duration_seconds_bucket{le="0.1"}')).toBe(0)
    expect(metricValue(text, 'gateway_redis_command_duration_seconds_bucket{le="0.5"}')).toBe(2)
    expect(metricValue(text, 'gateway_workers_ended_total{how="SIGKILL"}')).toBe(1)
    const series = text.match(/^[a-z].*(?= \S+$)/gm) ?? []
    expect(new Set(series).size).toBe(series.length)
  })

  it('gauges: a breaker counts processes, Redis is up where it is up for all, the largest lag, the earliest end of keys', async () => {
    const { read } = await begin(one, other)
    const text = await read()
    expect(metricValue(text, 'gateway_redis_up')).toBe(0)
    expect(metricValue(text, 'gateway_line_breaker_state{state="open"}')).toBe(1)
    expect(metricValue(text, 'gateway_line_breaker_state')).toBe(2)
    expect(metricValue(text, 'gateway_shared_lag_seconds')).toBe(30)
    expect(text).toMatch(/^gateway_signing_key_left_seconds 100$/m)
  })

  it('no key of any worker ends: +Inf', async () => {
    const { read } = await begin(one, one)
    expect(await read()).toMatch(/^gateway_signing_key_left_seconds \+Inf$/m)
    expect(metricValue(await read(), 'gateway_redis_up')).toBe(1)
  })

  it('a worker ends: its counts stay, its gauges go, and its successor begins at 0', async () => {
    const { all, read } = await begin(one, other)
    all.ended(1)
    all.keep(2, await told(startWorker(one)))
    all.ended(0)
    const text = await read()
    expect(metricValue(text, 'gateway_line_calls_total')).toBe(3)
    expect(metricValue(text, 'http_client_request_duration_seconds_count')).toBe(3)
    expect(metricValue(text, 'gateway_line_breaker_state')).toBe(1)
    expect(metricValue(text, 'gateway_redis_up')).toBe(1)
  })

  it('all workers have ended: no gauge of a gateway is left', async () => {
    const { all, read } = await begin(one)
    all.ended(0)
    const gauges = [...(await read()).matchAll(/^# TYPE (gateway_\w+) gauge$/gm)].map(([, name]) => name)
    expect(gauges).toEqual(['gateway_build_info'])
    expect(metricValue(await read(), 'gateway_line_calls_total')).toBe(1)
  })
})
