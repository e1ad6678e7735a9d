import { type AuditResult, serverAudits } from 'graphql-http'
import { afterEach, expect, it } from 'vitest'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

let gateway: RunningGateway
afterEach(() => gateway.close())

/** Runs graphql-http's audits of GraphQL over HTTP. `failed` has the ids of the audits that fail. */
async function audit(settings: NodeJS.ProcessEnv): Promise<{ ran: number; failed: string[] }> {
  gateway = await startRunningGateway(settings)
  const audits = serverAudits({ url: `${gateway.url}/graphql`, fetchFn: fetch })
  const results: AuditResult[] = []
  for (const { fn } of audits) results.push(await fn())
  for (const result of results) if ('response' in result) await result.response.body?.cancel()
  return { ran: results.length, failed: results.filter(({ status }) => status !== 'ok').map(({ id }) => id) }
}

it('development: all audits of GraphQL over HTTP pass', async () => {
  expect(await audit({ NODE_ENV: 'development' })).toEqual({ ran: 61, failed: [] })
})

it('production: all audits pass except the four that need introspection', async () => {
  const { ran, failed } = await audit({ NODE_ENV: 'production' })
  expect(ran).toBe(61)
  expect(failed.sort()).toEqual(['28B9', '2EA1', '6A70', 'D6D5'])
})
