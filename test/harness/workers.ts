import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { web } from './channels.ts'
import { metricValue } from './metric-value.ts'
import { type Program, usePrograms } from './programs.ts'
import { useRedis } from './redis.ts'

/** The gateway as a program with two workers, on a Redis and an emulator of its own in each test. `command`: Node's arguments. */
export function useWorkers(command = () => ['src/main.ts']) {
  const programs = usePrograms()
  const servers = useRedis()
  let emulator: Emulator
  let shared: NodeJS.ProcessEnv
  beforeEach(async () => {
    emulator = await startEmulator({ channels: [web] })
    const redis = await servers.start()
    shared = {
      LINE_CHANNEL_ID: web.id,
      LINE_CHANNEL_SECRET: web.secret,
      LINE_API_URL: emulator.url,
      LINE_ACCESS_URL: emulator.url,
      LINE_TIMEOUT_MS: '60000',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      SHUTDOWN_DELAY_SECONDS: '0',
      REDIS_URL: redis.url,
      CACHE_SECRET: 'a secret of thirty-two characters',
      WORKERS: '2',
    }
  })
  afterEach(() => emulator.close())
  return { run, start, issueToken: () => emulator.issueTokens().accessToken }

  function run(settings: NodeJS.ProcessEnv = {}): Program {
    return programs.start(process.execPath, command(), { ...shared, ...settings })
  }

  /** Resolves when it listens. */
  async function start(settings: NodeJS.ProcessEnv = {}) {
    const program = run(settings)
    const url = await program.printed(/"url":"(http:[^"]+)".*"listening"/)
    const metricsUrl = /"metricsUrl":"(http:[^"]+)"/.exec(program.out())?.[1] ?? ''
    return { program, url, metric: (name: string) => readMetric(metricsUrl, name) }
  }
}

/** The name of the viewer. Each request has a connection of its own. */
export async function ask(url: string, token: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}`, connection: 'close' }
  const body = JSON.stringify({ query: '{ viewer { displayName } }' })
  const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body })
  return Object(await answer.json()).data?.viewer?.displayName
}

async function readMetric(metricsUrl: string, name: string): Promise<number> {
  return metricValue(await (await fetch(`${metricsUrl}/metrics`)).text(), name)
}

/** The IDs of the processes that the program has started, oldest first. */
export function childrenOf({
  process: { pid },
}: {
  readonly process: { readonly pid?: number | undefined }
}): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : [])).sort((a, b) => a - b)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
