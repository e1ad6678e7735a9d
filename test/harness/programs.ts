import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'
import { compileCache } from './compile-cache.ts'
import { isInFull } from './in-full.ts'

export const project = fileURLToPath(new URL('../..', import.meta.url))

/** Node 24.0, which npm has for macOS on arm64, still calls TypeScript experimental, on standard error. */
const quiet = { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' }
const withoutWarning = process.version.startsWith('v24.0.') ? quiet : {}

/**
 * How long a program may take to start. It only ends a wait for what never comes. Below the time limit of a test, so that the
 * error says what was missing.
 */
export const startMs = isInFull ? 300_000 : 45_000

/** A running program, as a user sees it in a terminal. */
export type Program = {
  readonly process: ChildProcess
  /** Standard output so far. */
  out(): string
  /** Standard error so far. */
  err(): string
  /** Waits until standard output matches. Returns the first capture group. */
  printed(pattern: RegExp): Promise<string>
  /** Resolves with the exit code when the program has ended. `null`: a signal ended it. */
  readonly ended: Promise<number | null>
  /** Sends SIGTERM, or another signal. SIGKILL goes to the programs that it has started as well. */
  kill(signal?: NodeJS.Signals): void
  /** Sends SIGTERM, or another signal, to the program and those that it has started, as a terminal does with Ctrl+C. */
  killGroup(signal?: NodeJS.Signals): void
}

/** Runs programs, and kills those that still run after a test. They get only PATH, HOME and the given settings. */
export function usePrograms() {
  const started: Program[] = []
  afterEach(async () => {
    for (const program of started.splice(0)) {
      program.kill('SIGKILL')
      await program.ended
    }
  })
  return { start }

  function start(...what: Parameters<typeof startProgram>): Program {
    const program = startProgram(...what)
    started.push(program)
    return program
  }
}

/**
 * Starts a program, which gets only PATH, HOME and the given settings. Its starter has to end it. `stdout`: a file
 * descriptor that the program gets as its standard output. Then `out` and `printed` are empty.
 */
export function startProgram(
  command: string,
  argument: readonly string[],
  settings: NodeJS.ProcessEnv,
  cwd = project,
  stdout: number | 'pipe' = 'pipe',
): Program {
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, NODE_COMPILE_CACHE: compileCache, ...withoutWarning, ...settings }
  const child = spawn(command, argument, { cwd, env, detached: true, stdio: ['pipe', stdout, 'pipe'] })
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => (out += chunk))
  child.stderr?.on('data', (chunk) => (err += chunk))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { process: child, out: () => out, err: () => err, printed, ended, kill, killGroup }

  async function printed(pattern: RegExp): Promise<string> {
    await expect
      .poll(() => out + (child.exitCode === null ? '' : `ended with ${child.exitCode}: ${err}`), { timeout: startMs })
      .toMatch(pattern)
    return pattern.exec(out)?.[1] ?? ''
  }

  function kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    if (signal === 'SIGKILL') killGroup(signal)
    else child.kill(signal)
  }

  // `detached` makes the program the leader of a process group; the negative ID means the whole group.
  function killGroup(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal)
  }
}
