import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FaceName, faceCodes, faceNames } from '../../src/telemetry/metric-labels.ts'
import { api, exchange, faceSettings, forwardAuth, introspect } from '../harness/faces.ts'
import { basic, postForm } from '../harness/forms.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { linesOf, ourChannels, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { growth, seriesIn } from '../harness/series.ts'

/** Every face answers these: at the end of the process, and for a mistake of ours. */
const everywhere = ['SHUTTING_DOWN', 'INTERNAL_SERVER_ERROR']

/** The only key signs for one more day. */
const keyFile = writeKeyFile({ retired_at: '2026-01-02T00:00:00Z' })
let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway({
    ...ourChannels,
    ...faceSettings,
    PUBLIC_URL: 'https://api.example',
    SIGNING_KEYS_FILE: keyFile.path,
    FAILED_TOKENS_BURST: '1',
  })
})
afterAll(async () => {
  await gateway.close()
  keyFile.remove()
})

let clients = 0
/** An address with a full bucket. */
function newClient(): string {
  clients += 1
  return `203.0.113.${clients}`
}

/** LINE has never seen it. */
const junk = () => `junk.${randomUUID()}.x`
const token = () => gateway.issue().accessToken
const introspection = (members: Record<string, string>, secret = api.secret) =>
  postForm(gateway, '/oauth/introspect', members, { ...basic(api.id, secret), 'x-forwarded-for': newClient() })
const changed = (members: Record<string, string>) => exchange(gateway, token(), newClient(), members)

type Act = readonly [face: FaceName, code: string, act: () => Promise<unknown>]

const acts: readonly Act[] = [
  ['forward_auth', 'OK', () => forwardAuth(gateway, token(), newClient())],
  ['forward_auth', 'UNAUTHENTICATED', () => forwardAuth(gateway, junk(), '192.0.2.1')],
  ['forward_auth', 'RATE_LIMITED', () => forwardAuth(gateway, junk(), '192.0.2.1')],
  ['forward_auth', 'FORBIDDEN', () => forwardAuth(gateway, token(), newClient(), '/auth?scope=other')],
  [
    'forward_auth',
    'BAD_REQUEST',
    () => gateway.send('/auth', { headers: ['authorization', 'a', 'authorization', 'b'] }),
  ],
  ['introspection', 'OK', () => introspect(gateway, token(), newClient())],
  ['introspection', 'OK', () => introspect(gateway, junk(), newClient())],
  ['introspection', 'invalid_request', () => introspection({})],
  ['introspection', 'invalid_client', () => introspect(gateway, 'x', '192.0.2.2', { ...api, secret: 'wrong' })],
  ['introspection', 'RATE_LIMITED', () => introspect(gateway, 'x', '192.0.2.2', { ...api, secret: 'wrong' })],
  ['introspection', 'BAD_REQUEST', () => gateway.send('/oauth/introspect')],
  ['token_exchange', 'OK', () => exchange(gateway, token(), newClient())],
  ['token_exchange', 'invalid_request', () => exchange(gateway, junk(), '192.0.2.3')],
  ['token_exchange', 'RATE_LIMITED', () => exchange(gateway, junk(), '192.0.2.3')],
  ['token_exchange', 'invalid_target', () => changed({ audience: 'nobody' })],
  ['token_exchange', 'invalid_scope', () => changed({ scope: 'other' })],
  ['token_exchange', 'unsupported_grant_type', () => changed({ grant_type: 'password' })],
  ['token_exchange', 'BAD_REQUEST', () => gateway.send('/oauth/token')],
  ['discovery', 'OK', () => gateway.send('/.well-known/jwks.json')],
  ['discovery', 'BAD_REQUEST', () => gateway.send('/.well-known/jwks.json', { method: 'POST' })],
]

const asked = {
  forward_auth: () => forwardAuth(gateway, token(), newClient()),
  introspection: () => introspect(gateway, token(), newClient()),
  token_exchange: () => exchange(gateway, token(), newClient()),
}

/** All codes of the faces that were counted so far. */
async function counted(): Promise<Record<string, number>> {
  const series = seriesIn(await gateway.metrics())
  const all = growth([[], series], 'gateway_operations_total', ['operation', 'code'])
  return Object.fromEntries(Object.entries(all).filter(([key]) => faceNames.some((face) => key.startsWith(`${face} `))))
}

it('each face counts the code that the table has, and no other; a limit is told apart from an outage', async () => {
  const expected: Record<string, number> = {}
  const expectOne = (face: string, code: string) => {
    expected[`${face} ${code}`] = (expected[`${face} ${code}`] ?? 0) + 1
  }
  for (const [face, code, act] of acts) {
    await act()
    expectOne(face, code)
  }
  gateway.emulator.faults.set('verifyAccessToken', { status: 500 })
  for (const [face, ask] of Object.entries(asked)) {
    await ask()
    expectOne(face, 'LINE_UNAVAILABLE')
  }
  gateway.emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '7' } })
  for (const [face, ask] of Object.entries(asked)) {
    await ask()
    expectOne(face, 'LINE_RATE_LIMITED')
  }
  gateway.emulator.faults.clear()
  gateway.advance(2 * 86_400_000)
  await asked.forward_auth()
  expectOne('forward_auth', 'MISCONFIGURED')
  await asked.token_exchange()
  expectOne('token_exchange', 'MISCONFIGURED')
  expect(await counted()).toEqual(expected)
  for (const face of faceNames) {
    const reached = Object.keys(expected).flatMap((key) => (key.startsWith(`${face} `) ? key.split(' ').slice(1) : []))
    expect([...reached, ...everywhere].toSorted(), face).toEqual(faceCodes[face].toSorted())
  }
})

it('the log line of a refusal or an outage has the code and the ID of LINE’s answer', async () => {
  const lines = linesOf(gateway, 'info').filter(({ msg }) => msg === 'operation failed')
  const lineOf = (kind: FaceName, code: string) => lines.find((line) => line.kind === kind && line.code === code)
  for (const [kind, code] of [
    ['forward_auth', 'UNAUTHENTICATED'],
    ['forward_auth', 'LINE_UNAVAILABLE'],
    ['introspection', 'LINE_UNAVAILABLE'],
    ['token_exchange', 'LINE_UNAVAILABLE'],
  ] as const)
    expect(lineOf(kind, code), `${kind} ${code}`).toMatchObject({ lineRequestId: expect.stringMatching(/./) })
  expect(lineOf('token_exchange', 'invalid_request')).toMatchObject({ lineRequestId: expect.stringMatching(/./) })
  expect(lineOf('introspection', 'RATE_LIMITED')).toMatchObject({ status: 429 })
  expect(lineOf('introspection', 'RATE_LIMITED')).not.toHaveProperty('lineRequestId')
})
