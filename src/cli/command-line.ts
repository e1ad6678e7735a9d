import { parseArgs } from 'node:util'
import { settingNames } from '../config/setting-names.ts'
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
  const { values, positionals, tokens } = parseArgs({
    args: [...words],
    options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  // `keys` reads the words after it itself.
  if (words[0] === 'keys') return 'keys'
  if (values.help || positionals[0] === 'help') return { code: 0, text: help }
  if (values.version || positionals[0] === 'version') return { code: 0, text: `${version}\n` }
  const [first, second] = tokens
  if (first === undefined) return { code: 2, text: help }
  if (first.kind !== 'positional' || !isCommand(first.value)) return unknownWord(words[0] ?? '')
  if (second === undefined) return first.value
  return settingsHint(first.value, second.kind === 'option' ? second.name : '')
}

function isCommand(word: string): word is Command {
  return commands.some((command) => command === word)
}

function unknownWord(word: string): Reply {
  const bare = word.replace(/^-+/, '').toLowerCase()
  if (bare !== word && settingOf(bare) !== undefined) return settingsHint('dev', bare)
  const isPlain = /^[a-z-]{1,20}$/.test(word)
  const meant = nearest(bare)
  const hint = meant === undefined ? `The commands are ${commands.join(', ')}` : `Did you mean ${meant}?`
  return hintOf(isPlain ? `${word}: is not a command.` : 'This is not a command.', hint)
}

/** The command or the option that a word of the caller was meant to be: at most two letters differ. */
function nearest(word: string): string | undefined {
  const edits = [...commands, 'help', 'version'].map((known) => [known, editsBetween(word, known, 2)] as const)
  const [known, least] = edits.toSorted(([, one], [, other]) => one - other)[0] ?? ['', 3]
  if (least > 2) return undefined
  return isCommand(known) ? known : `--${known}`
}

/** For those who write `dev --port 5000`. */
function settingsHint(command: Command, option: string): Reply {
  const setting = settingOf(option) ?? 'PORT'
  const example = `${setting}=${setting === 'PORT' ? '5000' : '…'} ${program} ${command}`
  return hintOf('Settings come from the environment, not from options.', `Write ${example}`)
}

function settingOf(option: string): string | undefined {
  const name = option.replaceAll('-', '_').toUpperCase()
  return settingNames.find((setting) => setting === name)
}

function hintOf(problem: string, hint: string): Reply {
  return { code: 2, text: `${problem} ${hint}\n${program} --help lists the commands.\n` }
}
