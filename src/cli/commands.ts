import { readEnvFile } from '../config/env-file.ts'
import { runKeys } from '../keys/command.ts'
import { checkSettings } from './check.ts'
import { type Command, program, type Reply, readCommandLine } from './command-line.ts'

/** Runs a command of the package. The programs start when they are imported. */
const commands: Readonly<Record<Command, (words: readonly string[]) => Promise<unknown>>> = {
  dev: () => import('../dev/main.ts'),
  start: () => import('../main.ts'),
  emulator: () => import('../emulator/main.ts'),
  check: async () => print(checkSettings(process.env, readEnvFile())),
  keys: async (words) => {
    process.exitCode = await runKeys(words, { command: `${program} keys`, dashes: '', folder: process.cwd() })
  },
}

export async function runCommand(words: readonly string[]): Promise<void> {
  const asked = readCommandLine(words)
  if (typeof asked === 'object') print(asked)
  else await commands[asked](words.slice(1))
}

function print({ code, text }: Reply): void {
  const stream = code === 0 ? process.stdout : process.stderr
  stream.write(text)
  process.exitCode = code
}
