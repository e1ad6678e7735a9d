import { type ChildProcess, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cores, cpuSecondsOf, launch, output, type ServerProcess, start } from './processes.ts'
import { tokenPrefix } from './tokens.ts'

/** The requests that the load generator sends. */
export type Workload = {
  /** The JSON body. Empty: a GET request. */
  readonly body: string
  /** Default: `/graphql`. */
  readonly path?: string
  readonly connections: number
  readonly tokens: {
    readonly first: number
    readonly count: number
    /** `same`: always the first one. `random`: any of them. `new`: each one once. */
    readonly order: 'same' | 'random' | 'new'
  }
}

/** The results of one short load on one server. */
export type Slice = {
  readonly requests: number
  readonly requestsPerSecond: number
  /** The server's CPU time for one request: all threads and child processes, user and system. */
  readonly cpuUs: number
  readonly p50Us: number
  readonly p99Us: number
}

type Counted = {
  readonly requests: number
  readonly seconds: number
  readonly failed: number
  readonly p50Us: number
  readonly p99Us: number
}

/** wrk if it is installed, or else our own client, which is slower but sends the same requests. */
export const loadGenerator = spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'own client'

/** When the load stops, the server still works on the requests in flight for a short time. */
const settleMs = 50

/** With less CPU time than this, the kernel's ticks are too coarse, because other jobs used the CPU. */
const leastCpuSeconds = 0.05
const mostTries = 5

export async function measure(server: ServerProcess, workload: Workload, seconds: number): Promise<Slice> {
  let { first } = workload.tokens
  for (let attempt = 1; attempt <= mostTries; attempt++) {
    const before = cpuSecondsOf(server.pid)
    const counted = await load(server.url, { ...workload, tokens: { ...workload.tokens, first } }, seconds)
    await sleep(settleMs)
    const cpuSeconds = cpuSecondsOf(server.pid) - before
    if (counted.failed > 0) throw new Error(`${counted.failed} of ${counted.requests} requests to ${server.url} failed`)
    if (cpuSeconds >= leastCpuSeconds) return toSlice(counted, cpuSeconds, workload)
    if (workload.tokens.order === 'new') first += counted.requests + workload.connections
  }
  throw new Error('The machine is too busy to measure: the server got almost no CPU time')
}

function toSlice(counted: Counted, cpuSeconds: number, { connections }: Workload): Slice {
  // When wrk ends, each connection has one more request in flight. The server works on it, but wrk does not count it.
  const worked = counted.requests + (loadGenerator === 'wrk' ? connections : 0)
  return {
    requests: counted.requests,
    requestsPerSecond: counted.requests / counted.seconds,
    cpuUs: (cpuSeconds * 1e6) / worked,
    p50Us: counted.p50Us,
    p99Us: counted.p99Us,
  }
}

async function load(
  url: string,
  { body, path = '/graphql', connections, tokens }: Workload,
  seconds: number,
): Promise<Counted> {
  const args = [body, tokenPrefix, String(tokens.first), String(tokens.count), tokens.order, path]
  const child =
    loadGenerator === 'wrk' ? startWrk(url, connections, seconds, args) : startClient(url, connections, seconds, args)
  const result = /^RESULT (.*)$/m.exec(await output(child))?.[1]
  if (result === undefined) throw new Error('The load generator printed no result')
  return JSON.parse(result)
}

function startWrk(url: string, connections: number, seconds: number, args: readonly string[]): ChildProcess {
  const script = `--script=${join(import.meta.dirname, 'wrk.lua')}`
  const options = ['--threads=1', `--connections=${connections}`, `--duration=${Math.ceil(seconds)}s`, '--timeout=10s']
  const child = start(['wrk', ...options, script, `${url}/graphql`, '--', ...args], { cores: cores.load })
  // wrk accepts only whole seconds, but it prints its results when it is interrupted.
  if (!Number.isInteger(seconds)) setTimeout(() => child.kill('SIGINT'), seconds * 1_000)
  return child
}

function startClient(url: string, connections: number, seconds: number, args: readonly string[]): ChildProcess {
  const script = join(import.meta.dirname, 'client.ts')
  return launch({ script, args: [url, String(connections), String(seconds), ...args], cores: cores.load })
}
