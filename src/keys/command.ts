import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type SigningAlgorithm, SigningKeysError } from '../login/signing-key-set.ts'
import { KeyFileError, writeNewFile } from './key-file-writer.ts'
import { makeKey, signsAtOnce } from './key-maker.ts'
import { rotateKeyFile } from './rotation.ts'

/** How the user calls it: `npm run keys`, or the command of the package. */
export type Caller = {
  readonly command: string
  readonly dashes: '' | '-- ' // before options: npm keeps those without them for itself
  readonly folder: string // where the user is
}

const usageFor = ({ command, dashes }: Caller) => `Usage:
  ${command} new FILE [${dashes}--alg ES256]
      makes a file with one key; an existing file is never overwritten
  ${command} rotate FILE [${dashes}--alg ES256]
      adds a key that signs in a little more than two hours, and retires the others then

  --alg   RS256 (the default of a new file: all verifiers know it) or ES256 (ten times as fast)
  --help  this text
`

/**
 * Makes and rotates the file of SIGNING_KEYS_FILE. Prints no key. Returns the exit code: 1 if the file is not as it must be, 2
 * if the words are.
 */
export async function runKeys(words: readonly string[], caller: Caller): Promise<number> {
  const command = readCommand(words, caller)
  if (command === 'help') return print(usageFor(caller), 0)
  if (typeof command === 'string') return complain(`${command}\n\n${usageFor(caller)}`, 2)
  try {
    return print(`${await run(command, caller.folder)}\n`, 0)
  } catch (error) {
    return complain(`${command.file}: ${explain(error)}\n`, 1)
  }
}

type Command = { readonly name: 'new' | 'rotate'; readonly file: string; readonly alg: SigningAlgorithm | undefined }

/** npm keeps the name of an option for itself, and passes on its value: so the algorithm can be a word of its own, also before the file. */
function readCommand(words: readonly string[], caller: Caller): Command | string {
  const parsed = parseWords(words)
  if (parsed === undefined) return 'There is an option that is not known.'
  const [name, ...rest] = parsed.positionals
  const [file, word, ...others] = isAlgorithm(rest[0]) ? [rest[1], rest[0], ...rest.slice(2)] : rest
  if (parsed.values.help) return 'help'
  const alg = parsed.values.alg ?? word
  if (name !== 'new' && name !== 'rotate') return 'Say what to do: new or rotate.'
  if (file === undefined || file === '') return `Name the file: ${caller.command} ${name} FILE`
  if (alg !== undefined && !isAlgorithm(alg)) return 'The algorithm must be RS256 or ES256.'
  if (others.length > 0 || (parsed.values.alg !== undefined && word !== undefined)) return 'There are too many words.'
  return { name, file, alg }
}

function isAlgorithm(word: string | undefined): word is SigningAlgorithm {
  return word === 'RS256' || word === 'ES256'
}

function parseWords(args: readonly string[]) {
  const options = { alg: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch {
    return undefined
  }
}

/** What was done, for the operator to read. */
async function run({ name, file: given, alg }: Command, folder: string): Promise<string> {
  const now = Date.now()
  const file = resolve(folder, given)
  if (name === 'rotate') return rotateKeyFile(file, alg, now)
  const key = { ...(await makeKey(alg ?? 'RS256')), ...signsAtOnce(now) }
  await writeNewFile(file, { keys: [key] })
  return `${file}: made, with one ${key.alg} key. Set SIGNING_KEYS_FILE to its path. Keep it secret.`
}

function explain(error: unknown): string {
  if (error instanceof KeyFileError) return error.message
  if (error instanceof SigningKeysError) return error.problems.join('\n  ')
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return systemProblems[code] ?? `cannot be used (${code || 'the reason is unknown'})`
}

const systemProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such folder',
  EISDIR: 'is a folder',
  EACCES: 'this user has no permission for it or for its folder',
  EPERM: 'this user has no permission for it or for its folder',
  EROFS: 'is on a file system that cannot be written to',
  ENOSPC: 'the disk is full',
}

function print(text: string, code: number): number {
  process.stdout.write(text)
  return code
}

function complain(text: string, code: number): number {
  process.stderr.write(text)
  return code
}
