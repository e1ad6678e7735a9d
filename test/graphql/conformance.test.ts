import { type AuditResult, serverAudits } from 'graphql-http'
import { afterEach, expect, it } from 'vitest'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

let gateway: RunningGateway
afterEach(() => gateway.close())

/** The ids of what graphql-http's audits of GraphQL over HTTP find wanting, of those that ran. */
async function audit(settings: NodeJS.ProcessEnv): Promise<{ ran: number; wanting: string[] }> {
  gateway = await startRunningGateway(settings)
  const audits = serverAudits({ url: `${gateway.url}/graphql`, fetchFn: fetch })
  const results: AuditResult[] = []
  for (const { fn } of audits) results.push(await fn())
  for (const result of results) if ('response' in result) await result.response.body?.cancel()
  return { ran: results.length, wanting: results.filter(({ status }) => status !== 'ok').map(({ id }) => id) }
}

it('speaks GraphQL over HTTP to the letter in development', async () => {
  expect(await audit({ NODE_ENV: 'development' })).toEqual({ ran: 61, wanting: [] })
})

it('speaks it in production too, but for the four audits that introspect', async () => {
  const { ran, wanting } = await audit({ NODE_ENV: 'production' })
  expect(ran).toBe(61)
  expect(wanting.sort()).toEqual(['28B9', '2EA1', '6A70', 'D6D5'])
})
