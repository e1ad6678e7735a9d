import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export type ServerProcess = {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export type Launch = {
  readonly script: string
  readonly args?: readonly string[]
  readonly nodeArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A CPU list for taskset. */
  readonly cores: string
  /** The `cgroup.procs` of a control group, which the process joins before it is Node: Node reads its memory limit at start. */
  readonly group?: string
}

const children = new Set<ChildProcess>()
process.once('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const hasTaskset = spawnSync('taskset', ['--version']).status === 0
const allowed = hasTaskset ? allowedCores() : []

/**
 * The cores of the processes. With two cores or more, the server and the load never share one. With two cores, the fake
 * LINE server shares the load's core.
 */
export const cores = {
  server: String(allowed[0] ?? 0),
  load: String(allowed[1] ?? allowed[0] ?? 0),
  line: String(allowed[2] ?? allowed[1] ?? allowed[0] ?? 0),
  /** One core for each of `count` processes. */
  servers: (count: number) => allowed.slice(0, count).join(',') || '0',
  all: allowed.join(',') || '0',
  pinned: allowed.length >= 2,
}

/** Starts a script in Node. From our environment it gets only PATH. */
export function launch({ script, args = [], nodeArgs = [], env = {}, cores, group }: Launch): ChildProcess {
  const joinGroup = group === undefined ? [] : ['sh', '-c', 'echo $$ > "$0" && exec "$@"', group]
  return start([...joinGroup, process.execPath, ...nodeArgs, script, ...args], {
    cores,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
  })
}

/** Starts a program, pinned to the cores. It is killed when this process exits. */
export function start(
  command: readonly string[],
  { cores, env }: { readonly cores: string; readonly env?: Record<string, string> },
): ChildProcess {
  const [program = '', ...args] = allowed.length >= 2 ? ['taskset', '-c', cores, ...command] : command
  // Not in the repository's root, because that may have a .env file.
  const options = { cwd: import.meta.dirname, env: env ?? { PATH: process.env.PATH ?? '' } }
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/**
 * Starts a server that prints `"url":"…"` on stdout when it listens. It is pinned after that: the start uses all cores.
 */
export async function startServer(what: Launch): Promise<ServerProcess> {
  const child = launch({ ...what, cores: cores.all })
  const url = await announced(child, what.script)
  const pid = child.pid ?? 0
  pin(pid, what.cores)
  return { url, pid, stop: () => stop(child) }
}

/** Waits until all servers have started. */
export async function allStarted<Name extends string>(
  starting: Readonly<Record<Name, Promise<ServerProcess>>>,
): Promise<Record<Name, ServerProcess>> {
  await Promise.all(Object.values(starting))
  const servers: Partial<Record<Name, ServerProcess>> = {}
  for (const name of Object.keys(starting) as Name[]) servers[name] = await starting[name]
  return servers as Record<Name, ServerProcess>
}

export async function stopAll(servers: Readonly<Record<string, Pick<ServerProcess, 'stop'>>>): Promise<void> {
  await Promise.all(Object.values(servers).map((server) => server.stop()))
}

/** Pins all threads of a process and of its child processes. */
export function pin(pid: number, cores: string): void {
  if (allowed.length >= 2) spawnSync('taskset', ['-acp', cores, String(pid)])
  for (const child of childrenOf(pid)) pin(child, cores)
}

/** Returns a program's stdout after it has exited with code 0. Rejects with its stderr on another code. */
export async function output(child: ChildProcess): Promise<string> {
  let text = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ').slice(0, 200)} ended with ${code}: ${stderr}`)
  return text
}

/** The CPU seconds of a process and its child processes so far: all threads, user and system. */
export function cpuSecondsOf(pid: number): number {
  // Reads after the name in brackets, which can contain anything. State is field 3; utime and stime are 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const own = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  return childrenOf(pid).reduce((sum, child) => sum + cpuSecondsOf(child), own)
}

/** The most resident memory that a process has had, in bytes. Without its child processes. */
export function peakBytesOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** The resident memory of a process and its child processes, in bytes. */
export function residentBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return childrenOf(pid).reduce((sum, child) => sum + residentBytesOf(child), Number(kilobytes) * 1024)
}

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout ?? 100) || 100

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return list === '' ? [] : list.split(' ').map(Number)
}

function announced(child: ChildProcess, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let stderr = ''
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-2_000)
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code} before it listened: ${stderr}`)))
    if (child.stdout === null) return
    createInterface(child.stdout).on('line', (line) => {
      const url = /"url":"(http:[^"]+)"/.exec(line)?.[1]
      if (url !== undefined) resolve(url.replace(/\/$/, ''))
    })
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}

function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
