import { context, propagation, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

type Recipe = { readonly provider: { forceFlush(): Promise<void>; shutdown(): Promise<void> } }

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
