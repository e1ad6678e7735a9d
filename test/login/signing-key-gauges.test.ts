import { writeFileSync } from 'node:fs'
import { getGlobalDispatcher } from 'undici'
import { expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { addSigningKeyGauges } from '../../src/login/signing-key-gauges.ts'
import { parseSigningKeys } from '../../src/login/signing-key-set.ts'
import { createServices } from '../../src/services.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { START_MS } from '../harness/channels.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { metricValue } from '../harness/metric-value.ts'
import { keySetText, type PrivateJwk, privateJwk } from '../harness/signing-keys.ts'
import { oneChannel } from '../harness/token-layer.ts'

const [first, second, third] = [privateJwk(), privateJwk(), privateJwk()]
const hour = 3_600_000
const iso = (hours: number) => new Date(START_MS + hours * hour).toISOString()

const handedOver = [
  { ...first, published_at: iso(-48), signing_at: iso(-24), retired_at: iso(10) },
  { ...second, published_at: iso(-1), signing_at: iso(9), retired_at: iso(20) },
]
const withGap = [handedOver[0] ?? first, { ...second, published_at: iso(-1), signing_at: iso(11) }]

it.each<[string, readonly PrivateJwk[], object]>([
  ['one without times', [first], { published: 0, signing: 1, retired: 0, age: 0, left: Infinity }],
  ['two, one after the other', handedOver, { published: 1, signing: 1, retired: 0, age: 24, left: 20 }],
  ['two with a gap between them', withGap, { published: 1, signing: 1, retired: 0, age: 24, left: 10 }],
  [
    'a third one without an end',
    [...handedOver, { ...third, published_at: iso(1), signing_at: iso(20) }],
    { published: 1, signing: 1, retired: 0, age: 24, left: Infinity },
  ],
  [
    'one that has retired, one that signs and one that does not yet',
    [{ ...third, retired_at: iso(-1) }, ...handedOver],
    { published: 1, signing: 1, retired: 1, age: 24, left: 20 },
  ],
  [
    'none that signs',
    [
      { ...first, retired_at: iso(-1) },
      { ...second, signing_at: iso(1) },
    ],
    { published: 1, signing: 0, retired: 1, age: 0, left: 0 },
  ],
])('%s', async (_, entries, expected) => {
  const telemetry = createSilentTelemetry()
  const keys = parseSigningKeys(keySetText(...entries))
  addSigningKeyGauges(telemetry, { keys: () => keys }, () => START_MS)
  const { text } = await telemetry.metrics()
  const inState = (state: string) => metricValue(text, `gateway_signing_keys{state="${state}"}`)
  expect({
    published: inState('published'),
    signing: inState('signing'),
    retired: inState('retired'),
    age: metricValue(text, 'gateway_signing_key_age_seconds') / 3_600,
    left: Number(metricText(text, 'gateway_signing_key_left_seconds').replace('+Inf', 'Infinity')) / 3_600,
  }).toEqual(expected)
})

it('a key file that is broken after the start: counted as wrong configuration', async () => {
  const file = writeKeyFile()
  const urls = { LINE_API_URL: 'http://127.0.0.1:9', LINE_ACCESS_URL: 'http://127.0.0.1:9' }
  const config = readConfig({ ...oneChannel, ...urls, SIGNING_KEYS_FILE: file.path, PUBLIC_URL: 'https://g.example' })
  const telemetry = createSilentTelemetry()
  writeFileSync(file.path, '{')
  const world = { dispatcher: getGlobalDispatcher(), clock: createClock(), telemetry }
  const services = createServices(config, { ...world, signingKeysText: keySetText(first) })
  const { text } = await telemetry.metrics()
  expect(metricValue(text, 'gateway_misconfigured_total{setting="SIGNING_KEYS_FILE"}')).toBe(1)
  expect(metricValue(text, 'gateway_signing_keys{state="signing"}')).toBe(1)
  await services.close()
  file.remove()
})

function metricText(text: string, name: string): string {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `)) ?? ''
  return line.slice(name.length + 1)
}
