import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'

export const project = fileURLToPath(new URL('../..', import.meta.url))

/** A program under test, as somebody at a terminal meets it. */
export type Program = {
  readonly process: ChildProcess
  /** What it has printed so far. */
  out(): string
  err(): string
  /** Waits until it has printed this, and answers what it captured. */
  printed(pattern: RegExp): Promise<string>
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>
  kill(signal?: NodeJS.Signals): void
}

/** Runs programs, and ends those that a test left running. They know nothing of the settings of this shell. */
export function usePrograms() {
  const started: Program[] = []
  afterEach(async () => {
    for (const program of started.splice(0)) {
      program.kill('SIGKILL')
      await program.ended
    }
  })
  return { start }

  function start(command: string, argument: readonly string[], settings: NodeJS.ProcessEnv, cwd = project): Program {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...settings }
    const child = spawn(command, argument, { cwd, env, detached: true })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (err += chunk))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const program = { process: child, out: () => out, err: () => err, printed, ended, kill }
    started.push(program)
    return program

    async function printed(pattern: RegExp): Promise<string> {
      await expect
        .poll(() => out + (child.exitCode === null ? '' : `ended with ${child.exitCode}: ${err}`), { timeout: 15_000 })
        .toMatch(pattern)
      return pattern.exec(out)?.[1] ?? ''
    }

    /** The program and whatever it started: it is a group of its own. */
    function kill(signal: NodeJS.Signals = 'SIGTERM'): void {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      if (signal === 'SIGKILL') process.kill(-child.pid, signal)
      else child.kill(signal)
    }
  }
}
