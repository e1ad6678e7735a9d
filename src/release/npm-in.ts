import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, relative } from 'node:path'
import { text } from 'node:stream/consumers'

const isWindows = process.platform === 'win32'

/**
 * Runs npm in a folder. Where npm fails, or a signal has stopped this process, it calls `fail`. What npm has started ends with
 * it: it is one process group, which gets the signals of this process.
 */
export function npmIn(
  folder: string,
  { outside, fail }: { readonly outside: string; readonly fail: (message: string) => never },
) {
  const env = environmentOutside(outside)
  let running: ChildProcess | undefined
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal))
  return {
    env,
    run: (...words: readonly string[]) => runNpm(words, 'inherit'),
    /** What npm prints. */
    output: (...words: readonly string[]) => runNpm(words, 'pipe'),
  }

  async function runNpm(words: readonly string[], stdout: 'inherit' | 'pipe'): Promise<string> {
    if (isStopped) fail('Stopped: nothing is released')
    process.stdout.write(`\n> npm ${words.join(' ')}\n`)
    const stdio = ['ignore', stdout, 'inherit'] as const
    const child = spawn('npm', words, { cwd: folder, env, stdio: [...stdio], detached: !isWindows, shell: isWindows })
    running = child
    const [printed, [code]] = await Promise.all([child.stdout === null ? '' : text(child.stdout), once(child, 'close')])
    if (isStopped) fail('Stopped: nothing is released')
    if (code !== 0) fail(`npm ${words.join(' ')} has failed: nothing is released`)
    return printed
  }

  function stop(signal: NodeJS.Signals): void {
    isStopped = true
    end(signal)
    // npm ci finishes what it installs first, and that can take a minute.
    setTimeout(() => end('SIGKILL'), 5_000).unref()
  }

  function end(signal: NodeJS.Signals): void {
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return
    if (isWindows) running.kill(signal)
    else process.kill(-running.pid, signal)
  }
}

/**
 * As in a new shell: npm gives the scripts that it runs the Node of their folder, and its own settings in lower case. Those of a
 * user, as `NPM_CONFIG_REGISTRY`, stay.
 */
function environmentOutside(folder: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))
  const folders = (process.env.PATH ?? '').split(delimiter).filter((path) => relative(folder, path).startsWith('..'))
  return { ...Object.fromEntries(others), PATH: folders.join(delimiter) }
}
