import { surviveReaders } from '../signals.ts'
import { type Command, program, type Reply, readCommandLine } from './command-line.ts'

/** What the commands of the package do. Each one loads what it needs. The programs start when they are imported. */
const commands: Readonly<Record<Command, (words: readonly string[]) => Promise<unknown>>> = {
  dev: () => import('../dev/main.ts'),
  start: () => import('../main.ts'),
  emulator: () => import('../emulator/main.ts'),
  check: async () => {
    const { checkEnvironment } = await import('./check.ts')
    print(checkEnvironment())
  },
  keys: async (words) => {
    const { runKeys } = await import('../keys/command.ts')
    process.exitCode = await runKeys(words, { command: `${program} keys`, dashes: '', folder: '' })
  },
}

export async function runCommand(words: readonly string[]): Promise<void> {
  surviveReaders()
  const asked = readCommandLine(words)
  if (typeof asked === 'object') print(asked)
  else await commands[asked](words.slice(1))
}

function print({ code, text }: Reply): void {
  const stream = code === 0 ? process.stdout : process.stderr
  stream.write(text)
  process.exitCode = code
}
