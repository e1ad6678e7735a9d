import { context, propagation, trace } from '@opentelemetry/api'
import { BatchSpanProcessor, InMemorySpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { afterEach, expect, it, vi } from 'vitest'
import { createTracing } from '../../src/telemetry/tracing.ts'
import { codesOf, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { newTrace, useTraceRecorder } from '../harness/trace-recorder.ts'

/** What an operator or a program does around the life of the gateway. */

const exporter = new InMemorySpanExporter()
const batches = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 3_600_000 })
let isHanging = false
const hanging: SpanProcessor = {
  onStart: () => {},
  onEnd: () => {},
  forceFlush: () => (isHanging ? new Promise(() => {}) : Promise.resolve()),
  shutdown: async () => {},
}
const recorder = useTraceRecorder(batches, hanging)
const viewer = '{ viewer { displayName } }'
const gateways: RunningGateway[] = []

afterEach(async () => {
  isHanging = false
  for (const gateway of gateways.splice(0)) await gateway.close()
})

async function start(): Promise<RunningGateway> {
  const gateway = await startRunningGateway()
  gateways.push(gateway)
  return gateway
}

it('started inside a span of the program: each request has its own trace', async () => {
  const tracer = trace.getTracer('program')
  const gateway = await tracer.startActiveSpan('boot', (boot) => start().finally(() => boot.end()))
  const { id, headers } = newTrace()
  const { accessToken: token } = gateway.issue()
  await gateway.ask(viewer, { token, headers })
  await gateway.ask(viewer, { token })
  expect(recorder.tree(id)[0]).toBe('POST /graphql')
  const [boot] = recorder.named('boot')
  expect(recorder.of(boot?.spanContext().traceId ?? '').map(({ name }) => name)).toEqual(['boot'])
})

it('the end of the gateway: the SDK sends the spans that wait', async () => {
  const gateway = await start()
  await gateway.ask(viewer, { token: gateway.issue().accessToken })
  exporter.reset()
  await gateway.close()
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toContain('POST /graphql')
})

it('an SDK that cannot send: the end waits for a second, not longer', async () => {
  isHanging = true
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const flushed = createTracing()?.flush()
  await vi.advanceTimersByTimeAsync(1_000)
  vi.useRealTimers()
  await flushed
})

it('an SDK that was shut down: the answers are the same', async () => {
  const gateway = await start()
  await batches.shutdown()
  for (const api of [trace, context, propagation]) api.disable()
  expect(codesOf(await gateway.ask(viewer, { token: gateway.issue().accessToken }))).toEqual([])
  expect(codesOf(await gateway.ask(viewer, { token: 'junk' }))).toEqual(['UNAUTHENTICATED'])
})
