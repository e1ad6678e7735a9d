import fc from 'fast-check'
import { Pool } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import type { Engine } from '../../src/graphql/engine.ts'
import { createPlannedEngine } from '../../src/graphql/planned/planned-engine.ts'
import { createPrepareOperation, type PrepareOperation } from '../../src/graphql/prepare-operation.ts'
import { createYogaEngine } from '../../src/graphql/yoga-engine.ts'
import { schema } from '../../src/schema/schema.ts'
import { type GatewayServer, startServer } from '../../src/server.ts'
import { createServices } from '../../src/services.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { START_MS, web } from '../harness/running-gateway.ts'

/** Two servers with the same services. One remembers operations, the other one makes a new engine for each request. */
let emulator: Emulator
let dispatcher: Pool
let remembers: GatewayServer
let forgets: GatewayServer
let token: string

beforeAll(async () => {
  const now = () => START_MS
  emulator = await startEmulator({ channels: [web], now })
  token = emulator.issueTokens().accessToken
  const line = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url, LINE_TIMEOUT_MS: '60000' }
  const channel = { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret }
  const config = readConfig({ ...line, ...channel, HOST: '127.0.0.1', PORT: '0' })
  const telemetry = createSilentTelemetry()
  dispatcher = new Pool(emulator.url)
  const services = createServices(config, { dispatcher, clock: createClock({ wall: now, monotonic: now }), telemetry })
  remembers = await startServer(config, { services, telemetry })
  forgets = await startServer(config, { services, telemetry: createSilentTelemetry(), createEngine: forgetful })
})
afterAll(async () => {
  await Promise.all([remembers.close(), forgets.close()])
  await dispatcher.destroy()
  await emulator.close()
})

function forgetful(_: PrepareOperation, unexpected: (error: unknown) => void): Engine {
  return {
    execute(running) {
      const prepare = createPrepareOperation(schema, { introspection: false })
      return createPlannedEngine(prepare, createYogaEngine(prepare, unexpected)).execute(running)
    },
  }
}

type Sent = { readonly search: string; readonly headers: Record<string, string>; readonly body?: string }

const documents = {
  'one operation': '{ viewer { displayName } }',
  'one with a name': 'query A { viewer { displayName } }',
  'two operations': 'query A { __typename } query B { viewer { id } }',
  'a literal': 'query A { verifyAccessToken(accessToken: "two words") { active reason } }',
  'no plan': 'query A($no: Boolean = true) { __typename @skip(if: $no) viewer { id } }',
  'two, one without a plan': 'query A { __typename } query B($no: Boolean!) { viewer { id @skip(if: $no) } }',
  'a mutation': 'mutation A { refreshToken(input: { refreshToken: "" }) { tokenType } }',
  'a syntax error': '{ viewer',
  'an unknown field': '{ nobody }',
  empty: '',
  'white space': ' \n',
}
const names = [undefined, null, '', ' ', 'A', 'B', 'C', '__proto__', 'constructor']
const others = [
  {},
  { variables: '', extensions: '' },
  { variables: null, extensions: null },
  { variables: { no: false } },
]
const mediaTypes = ['*/*', 'application/json', 'application/graphql-response+json']

const sent = fc
  .record({
    query: fc.constantFrom(...Object.values(documents)),
    operationName: fc.constantFrom(...names),
    other: fc.constantFrom(...others),
    method: fc.constantFrom('GET', 'POST'),
    accept: fc.constantFrom(...mediaTypes),
    hasToken: fc.boolean(),
  })
  .map(({ query, operationName, other, method, accept, hasToken }): Sent => {
    const params = { query, operationName, ...other }
    const headers = { accept, ...(hasToken && { authorization: `Bearer ${token}` }) }
    if (method === 'GET') return { search: searchOf(params), headers }
    return { search: '', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(params) }
  })

function searchOf(params: object): string {
  const given = Object.entries(params).filter(([, value]) => value != null)
  return `?${new URLSearchParams(given.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]))}`
}

async function answerOf({ url }: GatewayServer, { search, headers, body }: Sent) {
  const answer = await fetch(
    `${url}/graphql${search}`,
    body === undefined ? { headers } : { method: 'POST', headers, body },
  )
  return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
}

describe('the same request', () => {
  it('gets the same answer, whatever was asked before (D5)', async () => {
    await fc.assert(
      fc.asyncProperty(sent, async (one) => {
        expect(await answerOf(remembers, one)).toEqual(await answerOf(forgets, one))
      }),
      { numRuns: 60 },
    )
  })

  it.each(Object.entries(documents))(
    '%s: an empty parameter is an absent one, by GET and POST (D5)',
    async (_, query) => {
      const headers = { accept: 'application/json' }
      const posted = { ...headers, 'content-type': 'application/json' }
      const absent = await answerOf(remembers, { search: '', headers: posted, body: JSON.stringify({ query }) })
      for (const value of ['', ' ', null]) {
        const params = { query, operationName: value, variables: value, extensions: value }
        const byPost = await answerOf(remembers, { search: '', headers: posted, body: JSON.stringify(params) })
        expect(byPost).toEqual(absent)
        if (!query.startsWith('mutation') && !query.includes('verify')) {
          expect(await answerOf(remembers, { search: searchOf(params), headers })).toEqual(absent)
        }
      }
    },
  )
})
