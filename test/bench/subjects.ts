import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { channelId } from './line-answers.ts'
import type { Operation } from './operations.ts'
import { bodyOf } from './operations.ts'
import { cores, output, type ServerProcess, start, startServer } from './processes.ts'
import { tokenAt } from './tokens.ts'

export type Settings = Readonly<Record<string, string>>

const here = import.meta.dirname
const peers = join(here, 'peers')

/** The benchmark's fake LINE server. Its latency can be set. */
export type Line = ServerProcess & {
  /** Sets the latency of later answers. Returns the number of calls since the last `control`. */
  control(delayMs: number): Promise<{ readonly verify: number; readonly profile: number }>
}

export async function startLine(): Promise<Line> {
  const server = await startServer({ script: join(here, 'servers/upstream.ts'), cores: cores.line })
  return {
    ...server,
    control: async (delayMs) => {
      const response = await fetch(`${server.url}/control?delayMs=${delayMs}`)
      return (await response.json()) as { verify: number; profile: number }
    },
  }
}

/** Runs a measure with a fake LINE server of its own. */
export async function withLine<Result>(measure: (line: Line) => Promise<Result>): Promise<Result> {
  const line = await startLine()
  try {
    return await measure(line)
  } finally {
    await line.stop()
  }
}

/** The flags that `npm start` gives Node. */
export const startFlags: readonly string[] =
  JSON.parse(readFileSync(join(here, '../../package.json'), 'utf8')).scripts.start.match(/--\S+/g) ?? []

/** Starts the gateway as `npm start` does: production settings, log level `info`, metrics on. */
export function startGateway(line: ServerProcess, env: Settings = {}, on = cores.server): Promise<ServerProcess> {
  return startServer({
    script: join(here, '../../src/main.ts'),
    nodeArgs: startFlags,
    cores: on,
    env: { ...gatewaySettings(line.url), ...env },
  })
}

export function gatewaySettings(lineUrl: string): Settings {
  return {
    LINE_CHANNEL_ID: channelId,
    LINE_CHANNEL_SECRET: 'a-secret-of-the-benchmark-alone',
    LINE_API_URL: lineUrl,
    LINE_ACCESS_URL: lineUrl,
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS_PORT: '0',
  }
}

/** Starts the baseline: a node:http server that does the least possible. */
export function startBaseline(
  line: ServerProcess,
  env: Settings = {},
  nodeArgs: readonly string[] = [],
): Promise<ServerProcess> {
  const script = join(here, 'servers/baseline.ts')
  return startServer({ script, nodeArgs, cores: cores.server, env: { LINE_API_URL: line.url, ...env } })
}

export type Peer = 'mercurius' | 'apollo' | 'yoga' | 'naive'

/** Starts another server with the measured part of the schema. All have the same cache; `naive` has no cache. */
export function startPeer(peer: Peer, line: ServerProcess): Promise<ServerProcess> {
  const [script, ...args] = peer === 'naive' ? ['apollo.js', 'naive'] : [`${peer}.js`]
  const env = { LINE_API_URL: line.url, LINE_CHANNEL_ID: channelId }
  return startServer({ script: join(peers, script), args, cores: cores.server, env })
}

/** The peers have their own package.json and lock file, so that the gateway's `npm ci` does not install them. */
export async function installPeers(): Promise<void> {
  if (existsSync(join(peers, 'node_modules/.package-lock.json'))) return
  process.stderr.write('installing the peers (once)\n')
  // npm needs the settings of this shell: its registry, proxy and certificates.
  const env = process.env as Record<string, string>
  await output(start(['npm', 'ci', '--prefix', peers], { cores: `${cores.server},${cores.load}`, env }))
}

/** Sends one request and checks the answer, so that no server is measured with wrong answers. */
export async function assertAnswers(server: ServerProcess, operation: Operation, token = tokenAt(0)): Promise<unknown> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: bodyOf(operation),
  })
  const text = await response.text()
  const { data, errors } = JSON.parse(text) as { data?: Record<string, unknown>; errors?: unknown }
  const [root] = Object.values(data ?? {})
  if (errors !== undefined || root === null || root === undefined) {
    throw new Error(`${server.url} gave a wrong answer to ${operation.name}: ${text.slice(0, 300)}`)
  }
  return data
}

export const nodeVersion = spawnSync(process.execPath, ['--version']).stdout.toString().trim()
