import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Telemetry } from '../../src/telemetry/telemetry.ts'
import { api, faceSettings } from '../harness/faces.ts'
import { basic, formType } from '../harness/forms.ts'
import { connectTo } from '../harness/raw-http.ts'
import { type Reply, useRunningGateway } from '../harness/running-gateway.ts'
import { growth, type Series, seriesIn } from '../harness/series.ts'
import { createTurnHold } from '../harness/turn-hold.ts'

const turn = createTurnHold()
const gateway = useRunningGateway({ ...faceSettings, SHUTDOWN_GRACE_SECONDS: '0' }, { watch })

/** At the end of the process, the turn goes on when all have their 503, and before Node has sent it. */
function watch(telemetry: Telemetry): Telemetry {
  const watched = turn.watch(telemetry)
  return {
    ...watched,
    operation: (done) => {
      watched.operation(done)
      if (done.code === 'SHUTTING_DOWN') queueMicrotask(turn.release)
    },
  }
}

/** The answers that Node has prepared so far, as the server has them. */
const responses: ServerResponse[] = []
const note = (message: unknown) => responses.push((message as { response: ServerResponse }).response)
beforeAll(() => subscribe('http.server.request.start', note))
afterAll(() => unsubscribe('http.server.request.start', note))

let before: readonly Series[]
beforeEach(async () => {
  await turn.hold(gateway())
  before = await series()
  responses.length = 0
})

async function series(): Promise<Series[]> {
  return seriesIn(await gateway().metrics())
}

async function grown(name: string, ...labels: string[]): Promise<Record<string, number>> {
  return growth([before, await series()], name, labels)
}

/** One request to each kind of endpoint that shares its turns. All of them must ask LINE. They wait for their turn. */
async function sendAll(signal: AbortSignal | null = null): Promise<(Reply | undefined)[]> {
  const authorization = `Bearer ${gateway().issue().accessToken}`
  const json = { authorization, 'content-type': 'application/json' }
  const form = { ...basic(api.id, api.secret), 'content-type': formType }
  const token = gateway().issue().accessToken
  const requests = [
    gateway().send('/graphql', { method: 'POST', headers: json, body: '{"query":"{viewer{id}}"}', signal }),
    gateway().send('/oauth/introspect', { method: 'POST', headers: form, body: `token=${token}`, signal }),
    gateway().send('/auth', { headers: { authorization: `Bearer ${gateway().issue().accessToken}` }, signal }),
  ]
  return Promise.all(requests.map((request) => request.catch(() => undefined)))
}

function introspectAs(headers: Record<string, string>): Promise<Reply> {
  const form = { ...headers, 'content-type': formType }
  return gateway().send('/oauth/introspect', { method: 'POST', headers: form, body: 'token=x' })
}

const waiting = () => expect.poll(() => grown('gateway_requests_waiting'))
const [counted, active] = ['http_server_request_duration_seconds_count', 'http_server_active_requests']

it('the client waits too: each request is answered and counted once', async () => {
  const replies = sendAll()
  await waiting().toEqual({ '': 3 })
  expect(gateway().emulator.calls.total()).toBe(0)
  turn.release()
  expect((await replies).map((reply) => reply?.status)).toEqual([200, 200, 200])
  expect(await grown(counted, 'http_route')).toEqual({ '/graphql': 1, '/oauth/introspect': 1, '/auth': 1 })
  expect(await grown(active, 'http_request_method')).toEqual({})
})

it('the client has left: LINE is not asked, and no request is counted or under way', async () => {
  const leaving = new AbortController()
  const replies = sendAll(leaving.signal)
  await waiting().toEqual({ '': 3 })
  leaving.abort()
  expect(await replies).toEqual([undefined, undefined, undefined])
  await expect.poll(() => responses.map(({ destroyed }) => destroyed)).toEqual([true, true, true])
  expect(await grown(active, 'http_request_method')).toEqual({ POST: 2, GET: 1 })
  turn.release()
  expect(await grown(active, 'http_request_method')).toEqual({})
  expect(await grown('gateway_requests_waiting')).toEqual({})
  expect(await grown(counted, 'http_route')).toEqual({})
  expect(await grown('gateway_operations_total', 'operation')).toEqual({})
  expect(gateway().emulator.calls.total()).toBe(0)
})

it.each<[string, () => Promise<Reply>]>([
  ['GraphQL', () => gateway().send('/graphql', { headers: { accept: 'image/png' } })],
  ['a face', () => introspectAs(basic(api.id, 'a wrong secret'))],
])('a request to %s that is refused takes time of its turn too: the next ones wait', async (_, send) => {
  turn.release()
  await turn.hold(gateway(), async () => expect((await send()).status).toBeGreaterThanOrEqual(400))
  before = await series()
  const reply = gateway().ask('{ __typename }')
  await waiting().toEqual({ '': 1 })
  turn.release()
  expect((await reply).data).toEqual({ __typename: 'Query' })
})

it('the process ends: each request is a 503, and is not run after that', async () => {
  const replies = sendAll()
  await waiting().toEqual({ '': 3 })
  // The drain gives it a moment. A request that is run would ask LINE in that time.
  const idle = connectTo(gateway().url)
  await gateway().drain()
  idle.destroy()
  expect((await replies).map((reply) => reply?.status)).toEqual([503, 503, 503])
  expect(await grown('gateway_requests_waiting')).toEqual({})
  expect(await grown(counted, 'http_response_status_code')).toEqual({ 503: 3 })
  expect(await grown('gateway_operations_total', 'code')).toEqual({ SHUTTING_DOWN: 3 })
  expect(gateway().emulator.calls.total()).toBe(0)
})
