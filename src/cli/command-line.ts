import { parseArgs } from 'node:util'
import { emulatorPort, settingNames } from '../config/setting-names.ts'
import { editsBetween } from '../config/unknown-settings.ts'
import { version } from '../version.ts'

/** What a command prints before it ends: on standard output with the exit code 0, otherwise on standard error. */
export type Reply = { readonly code: 0 | 1 | 2; readonly text: string }

export const program = 'npx line-graphql-gateway'

const commands = ['dev', 'start', 'emulator', 'check', 'keys'] as const
export type Command = (typeof commands)[number]

const help = `line-graphql-gateway ${version}: one GraphQL endpoint in front of the LINE Platform

Usage:
  ${program} COMMAND

Commands:
  dev                the gateway with a LINE emulator, on this machine only; needs no settings
  start              the gateway in production
  emulator           the LINE emulator alone
  check              reads the settings as start does and names every problem; starts nothing
  keys new FILE      makes the file of SIGNING_KEYS_FILE
  keys rotate FILE   adds a key to it, and retires the others later; keys --help says more

Options:
  -h, --help         this text
  -v, --version      the version

Settings come from the environment, and from the file .env in the working folder:
  PORT=5000 ${program} dev
README.md has the list of all settings.
`

/** The command to run, or what to print instead. No reply has a word of the caller that could be a secret. */
export function readCommandLine(words: readonly string[]): Command | Reply {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    allowPositionals: true,
    strict: false,
  })
  // `keys` reads the words after it itself.
  if (words[0] === 'keys') return 'keys'
  if (values.help || positionals[0] === 'help') return { code: 0, text: help }
  if (values.version || positionals[0] === 'version') return { code: 0, text: `${version}\n` }
  const [first, second] = words
  if (first === undefined) return { code: 2, text: help }
  if (!isCommand(first)) return unknownWord(first)
  return second === undefined ? first : settingsHint(first, second)
}

function isCommand(word: string): word is Command {
  return commands.some((command) => command === word)
}

function unknownWord(word: string): Reply {
  if (settingIn(word) !== undefined) return settingsHint('dev', word)
  const bare = word.replace(/^-+/, '').toLowerCase()
  const isPlain = /^[a-z-]{1,20}$/.test(word)
  const meant = nearest(bare)
  const hint = meant === undefined ? `The commands are ${commands.join(', ')}` : `Did you mean ${meant}?`
  return hintOf(isPlain ? `${word}: is not a command.` : 'This is not a command.', hint)
}

/** The command or the option that a word of the caller was meant to be: at most two letters differ, and not all. */
function nearest(word: string): string | undefined {
  const edits = [...commands, 'help', 'version'].map((known) => [known, editsBetween(word, known, 2)] as const)
  const [known, least] = edits.toSorted(([, one], [, other]) => one - other)[0] ?? ['', 3]
  if (least > 2 || least >= word.length) return undefined
  return isCommand(known) ? known : `--${known}`
}

/** For those who write `dev --port 5000`. */
function settingsHint(command: Command, word: string): Reply {
  const asked = settingIn(word) ?? 'PORT'
  const setting = asked === 'PORT' && command === 'emulator' ? emulatorPort : asked
  const example = `${setting}=${setting.endsWith('PORT') ? '5000' : '…'} ${program} ${command}`
  return hintOf('Settings come from the environment, not from options.', `Write ${example}`)
}

/** The setting that is meant with `--redis-url`, `--port=5000` or `PORT=5000`. Also with `_FILE`. */
function settingIn(word: string): string | undefined {
  const [, name = ''] = /^-*([\w-]+)(?:=|$)/.exec(word) ?? []
  const setting = name.replaceAll('-', '_').toUpperCase()
  const known: readonly string[] = [...settingNames, emulatorPort]
  return [setting, setting.replace(/_FILE$/, '')].some((one) => known.includes(one)) ? setting : undefined
}

function hintOf(problem: string, hint: string): Reply {
  return { code: 2, text: `${problem} ${hint}\n${program} --help lists the commands.\n` }
}
