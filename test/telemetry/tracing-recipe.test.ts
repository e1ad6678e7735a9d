import { context, propagation, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api'
import type { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

type Recipe = { readonly provider: NodeTracerProvider }

let gateway: RunningGateway
let recipe: Recipe

beforeAll(async () => {
  vi.stubEnv('TRACES_RATIO', '1')
  const file = new URL('../recipes/tracing.mjs', import.meta.url).href
  recipe = await import(file)
  gateway = await startRunningGateway()
})
afterAll(async () => {
  await gateway.close()
  for (const api of [trace, context, propagation]) api.disable()
  await recipe.provider.shutdown()
  vi.unstubAllEnvs()
})

it('the recipe: the gateway that starts after it gives its spans to the exporter', async () => {
  const written = vi.spyOn(console, 'dir').mockReturnValue(undefined)
  const token = gateway.issue().accessToken
  await gateway.ask('{ viewer { id } }', { token })
  await recipe.provider.forceFlush()
  const spans = written.mock.calls.map(([span]) => span as { readonly name: string; readonly resource: object })
  written.mockRestore()
  expect(spans.map(({ name }) => name)).toContain('POST /graphql')
  expect(spans[0]?.resource).toMatchObject({ attributes: { 'service.name': 'line-graphql-gateway' } })
  expect(JSON.stringify(spans)).not.toContain(token)
})

it('the trace ID of a stranger does not decide what is recorded', async () => {
  vi.stubEnv('TRACES_RATIO', '1e-9')
  const file = new URL('../recipes/tracing.mjs?again', import.meta.url).href
  const { provider } = (await import(file)) as Recipe
  const traceId = '11111111111111111111111111111111'
  const caller = { traceId, spanId: '2222222222222222', traceFlags: TraceFlags.SAMPLED, isRemote: true }
  const span = provider.getTracer('test').startSpan('request', {}, trace.setSpanContext(ROOT_CONTEXT, caller))
  expect(span.isRecording()).toBe(false)
  await provider.shutdown()
})
