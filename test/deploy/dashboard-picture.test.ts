import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { type Line, type Panel, plotPanels, type Row, type Span } from '../bench/plot-lines.ts'
import { monitoring } from '../harness/alert-rules.ts'
import { web } from '../harness/channels.ts'
import { freePort } from '../harness/free-port.ts'
import { usePrograms } from '../harness/programs.ts'
import { describeWithPrometheus, type Prometheus, startPrometheus } from '../harness/prometheus.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { rows, type Panel as Shown } from './monitoring/panels.ts'
import { plainQuery } from './monitoring/queries.ts'

/** The panels of the README's picture. The dashboard has more. */
const chosen = [
  'Operations by outcome',
  'Duration of requests',
  'Answers by HTTP status',
  'Logins and refreshes that fail',
  'Other operations that fail',
  'Bad tokens',
  'Look-ups by tier',
  'Calls to LINE by endpoint',
  'Circuit breakers',
  'Revocations that LINE has not confirmed',
  'Tombstones',
  'Redis is there',
  'Records in memory',
  'Memory',
  'Delay of the event loop',
]
const picture = fileURLToPath(new URL('../pictures/dashboard.svg', import.meta.url))
const seconds = 300
const stepSeconds = 2
const interval = '10s'

/** `PICTURES=write`: five minutes of a gateway with users and troubles, read by a real Prometheus each second. */
describeWithPrometheus('the picture of the dashboard', () => {
  describeWithRedis('a run of five minutes', () => {
    const programs = usePrograms()
    const redis = useRedis()

    it.runIf(process.env.PICTURES === 'write')('is written', { timeout: 600_000 }, async () => {
      const server = await redis.start()
      const emulator = await startEmulator({ channels: [web] })
      emulator.faults.set('*', { latencyMs: 40 })
      const metricsPort = await freePort()
      const program = programs.start(process.execPath, ['src/main.ts'], {
        LINE_CHANNEL_ID: web.id,
        LINE_CHANNEL_SECRET: web.secret,
        LINE_API_URL: emulator.url,
        LINE_ACCESS_URL: emulator.url,
        HOST: '127.0.0.1',
        PORT: '0',
        METRICS_PORT: String(metricsPort),
        TRUSTED_PROXIES: '127.0.0.1',
        REDIS_URL: server.url,
        CACHE_SECRET: 'a secret of thirty-two characters',
        VERIFICATION_FRESH_SECONDS: '30',
        VERIFICATION_MAX_STALE_SECONDS: '60',
      })
      const url = await program.printed(/"url":"(http:[^"]+)"/)
      const prometheus = await startPrometheus(`${monitoring}/alerts.yaml`, { '1s': [`127.0.0.1:${metricsPort}`] })
      const startedAt = Date.now() / 1_000
      const users = keepAsking(url, emulator)
      const spans = [
        await trouble(
          'LINE answers 500',
          75,
          105,
          () => emulator.faults.set('*', { status: 500 }),
          () => emulator.faults.set('*', { latencyMs: 40 }),
        ),
        await trouble('Redis hangs', 150, 175, server.stop, server.continue),
        await trouble('one address sends junk', 220, 250, users.beginJunk, users.endJunk),
      ]
      await until(seconds)
      await users.end()
      const plotted = await Promise.all(
        rows.map(
          async ({ question, panels }): Promise<Row> => ({
            title: question,
            panels: await Promise.all(
              panels.filter(({ title }) => chosen.includes(title)).map((panel) => record(prometheus, panel, startedAt)),
            ),
          }),
        ),
      )
      expect(plotted.flatMap(({ panels }) => panels)).toHaveLength(chosen.length)
      await prometheus.close()
      await emulator.close()
      const words = spans.map(({ name, from, to }) => `${name} from ${from} to ${to} s`).join(', ')
      writeFileSync(
        picture,
        plotPanels(plotted, {
          title: 'The dashboard after five minutes of one gateway on the emulator',
          subtitle: [
            'Panels of test/deploy/monitoring/dashboard.json, drawn by the benchmark’s own script from Prometheus, not by Grafana.',
            `Red: ${words}.`,
          ],
          seconds,
          gapSeconds: 3 * stepSeconds,
          spans,
        }),
      )

      async function trouble(
        name: string,
        from: number,
        to: number,
        begin: () => void,
        end: () => void,
      ): Promise<Span> {
        await until(from)
        begin()
        await until(to)
        end()
        return { name, from, to }
      }

      async function until(second: number): Promise<void> {
        await sleep(Math.max(0, (startedAt + second) * 1_000 - Date.now()))
      }
    })
  })
})

const picked = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(Math.random() * items.length)]

/** Users who come, ask, refresh and go, each from an address of its own. */
function keepAsking(url: string, emulator: Emulator) {
  const sessions: { accessToken: string; refreshToken: string; address: string }[] = []
  const ask = (query: string, address: string, token?: string) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-forwarded-for': address,
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query }),
    }).then((answer) => answer.text(), String)
  let junk: NodeJS.Timeout | undefined
  const timers = [
    every(1_500, begin),
    every(10, () => {
      const one = picked(sessions)
      return one && ask('{ viewer { displayName pictureUrl } }', one.address, one.accessToken)
    }),
    every(2_000, refresh),
    every(6_000, () => {
      const [one] = sessions.splice(0, 1)
      return one && ask('mutation { logout { revoked } }', one.address, one.accessToken)
    }),
    every(5_000, () => ask('{ viewer { id } }', '198.51.100.7', `expired-${Date.now()}`)),
  ]
  return { beginJunk, endJunk: () => clearInterval(junk), end }

  function begin(): void {
    const { accessToken, refreshToken = '' } = emulator.issueTokens()
    sessions.push({ accessToken, refreshToken, address: `203.0.113.${1 + Math.floor(Math.random() * 250)}` })
  }

  async function refresh(): Promise<void> {
    const one = picked(sessions)
    if (one !== undefined)
      await ask(`mutation { refreshToken(input: { refreshToken: "${one.refreshToken}" }) { expiresIn } }`, one.address)
  }

  function beginJunk(): void {
    junk = every(20, () => ask('{ viewer { id } }', '192.0.2.66', `junk-${Math.random()}`))
  }

  function every(ms: number, act: () => unknown): NodeJS.Timeout {
    return setInterval(() => void act(), ms)
  }

  async function end(): Promise<void> {
    for (const timer of timers) clearInterval(timer)
    await sleep(500)
  }
}

/** The lines of a panel over the run. A value that is not a number is left out. */
async function record(prometheus: Prometheus, { title, unit, queries }: Shown, startedAt: number): Promise<Panel> {
  const lines = await Promise.all(
    queries.map(async ({ expression, legend }): Promise<Line[]> => {
      const series = await prometheus.range(plainQuery(expression, interval), {
        from: startedAt,
        to: startedAt + seconds,
        step: stepSeconds,
      })
      return series.map(({ metric, values }) => ({
        name: legend
          .replace(/{{(\w+)}}/g, (_, label) => (label === 'instance' ? 'gateway' : (metric[label] ?? '')))
          .trim(),
        points: values
          .map(([at, value]) => [at - startedAt, value] as const)
          .filter(([, value]) => Number.isFinite(value)),
      }))
    }),
  )
  const all = lines.flat().filter(({ points }) => points.some(([, value]) => value !== 0))
  return { title, shown: shownAs(unit), lines: all.length > 0 ? all : lines.flat().slice(0, 1) }
}

function shownAs(unit: string): (value: number) => string {
  if (unit === 's') return (value) => (value < 1 ? `${short(value * 1_000)} ms` : `${short(value)} s`)
  if (unit === 'bytes') return (value) => `${short(value / 1e6)} MB`
  if (unit === 'percentunit') return (value) => `${short(value * 100)} %`
  if (unit === 'ops' || unit === 'reqps') return (value) => `${short(value)}/s`
  return short
}

function short(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)))
}
