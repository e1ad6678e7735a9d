import { Agent } from 'undici'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lineEndpoints } from '../../src/telemetry/metric-labels.ts'
import { version } from '../../src/version.ts'
import { type Counted, countedIn, countsOf, difference, gaugesIn, sumOf, tallied } from '../harness/counted.ts'
import { faceSettings } from '../harness/faces.ts'
import { holdAnswers } from '../harness/held-answers.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { type Act, hourOfTraffic } from '../harness/known-traffic.ts'
import { callsTo, ourChannels, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { allowedOrigin } from '../harness/senders.ts'

const MINUTE = 60_000
const keyFile = writeKeyFile()
const { dispatcher, answers } = holdAnswers(new Agent())
let gateway: RunningGateway
beforeAll(async () => {
  const faces = { ...faceSettings, PUBLIC_URL: 'https://api.example', SIGNING_KEYS_FILE: keyFile.path }
  const settings = { CORS_ORIGINS: allowedOrigin, METRICS_PORT: '0', LOG_LEVEL: 'silent' }
  const ages = { VERIFICATION_MAX_STALE_SECONDS: '1200' }
  gateway = await startRunningGateway({ ...ourChannels, ...faces, ...settings, ...ages }, { dispatcher })
})
afterAll(async () => {
  await gateway.close()
  await dispatcher.close()
  keyFile.remove()
})

const read = async () => (await fetch(`${gateway.metricsUrl}/metrics`)).text()

/** What is there at the end of the hour, and whose it is. */
const atEnd = {
  // Three people and one with openid alone, one of askers at once, one that a client left, one in a list, two logins and a refresh, forward auth, three in passing.
  'gateway_records record': 4 + 3 + 3 + 1 + 3,
  // One for each refusal by LINE or end, because nobody asked for these tokens again.
  'gateway_records refusal': 30 + 2,
  // Of what was revoked: four here, one at LINE.
  'gateway_records origin': 4 + 1,
  gateway_records_max: 100_000,
  // Two revocations, a logout, a departure.
  'gateway_tombstones token': 4,
  'gateway_tombstones session': 1,
  'gateway_tombstones stranger': 1,
  'gateway_tombstones user': 1,
  // The test, its proxy's client, the sender of junk.
  'gateway_sources other': 3,
  'gateway_signing_keys signing': 1,
  gateway_signing_key_left_seconds: Number.POSITIVE_INFINITY,
  [`gateway_build_info ${version} ${process.version}`]: 1,
  ...Object.fromEntries(lineEndpoints.map((endpoint) => [`gateway_line_breaker_state ${endpoint} closed`, 1])),
}

it('an hour of known traffic: in each minute each series counts exactly what the traffic makes', async () => {
  const hour = hourOfTraffic(gateway, answers)
  let counted: Counted = {}
  for (let minute = 0; minute < 60; minute += 1) {
    const acts = hour[minute]
    if (acts !== undefined) await pass(minute, acts)
    gateway.advance(MINUTE)
  }

  const text = await read()
  expect(countedIn(text)).toEqual(counted)
  const { gateway_record_bytes, ...gauges } = gaugesIn(text)
  expect(gauges).toEqual(atEnd)
  expect(gateway_record_bytes).toBeGreaterThan(0)
  const { verifyAccessToken, ...calls } = callsTo(gateway.emulator)
  for (const [endpoint, count] of Object.entries({ ...calls, verify: verifyAccessToken }))
    expect([endpoint, sumOf(counted, `call ${endpoint}`)]).toEqual([endpoint, count])
  expect(sumOf(counted, 'request')).toBe(gateway.emulator.calls.total())

  async function pass(minute: number, acts: readonly Act[]): Promise<void> {
    for (const [act] of acts) {
      await act()
      await answers.settled()
    }
    const before = counted
    counted = countedIn(await gateway.metrics())
    const events = acts.flatMap(([, one]) => one ?? [])
    expect([minute, difference(before, counted)]).toEqual([minute, tallied(events.flatMap(countsOf))])
  }
})
