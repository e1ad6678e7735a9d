import { logRows } from './log-lines.ts'
import { tableOf } from './markdown.ts'

export const logDocumentFile = 'test/deploy/monitoring/logs.md'

type Meaning = {
  readonly name: string
  readonly type: string
  readonly meaning: string
  readonly messages: Set<string>
}

/** The text of `logDocumentFile`, from `logTable`. */
export function logDocument(): string {
  return `# Log lines

Every line that the gateway writes is one of these: one JSON object a line. The table is made from the code
(\`src/telemetry/log-table.ts\`), and a test compares both. No line has a token, a code, a secret, a user ID or a name.

Each line has \`level\` (20 debug, 30 info, 40 warn, 50 error, 60 fatal), \`time\` (ISO 8601, UTC) and \`msg\`, the message. Filter by \`msg\`:
the messages stay. \`{name}\` in a message stands for a value. A field with a \`?\` is not in every such line.

In a flood, ten lines of a kind are written at once, then one a second. \`leftOut\` in a line says how many of its kind were left
out before it. Lines with "all" are never left out, and with \`LOG_LEVEL=debug\` none is.

\`LOG_CLIENT_NETWORK=false\` leaves \`network\` out of all lines, and the address out of the two warnings about proxies.

## Lines

${tableOf(
  ['message', 'level', 'when', 'fields'],
  logRows.map(([, { message, level, when, fields, isAlwaysWritten }]) => [
    `\`${message}\``,
    level,
    when + (isAlwaysWritten ? ' (all)' : ''),
    Object.entries(fields)
      .map(([name, { isOptional }]) => `\`${name}\`${isOptional ? '?' : ''}`)
      .join(', ') || '–',
  ]),
)}

## Fields

${tableOf(
  ['field', 'type', 'meaning'],
  meanings().map(({ name, type, meaning, messages }) => [
    `\`${name}\``,
    type,
    isAmbiguous(name) ? `${meaning} (${placeOf([...messages])})` : meaning,
  ]),
)}
`
}

/** One for each field, or several if its meaning depends on the line. */
function meanings(): readonly Meaning[] {
  const found = new Map<string, Meaning>()
  for (const [, { message, fields }] of logRows)
    for (const [name, { type, meaning }] of Object.entries(fields)) {
      const one = found.get(name + meaning) ?? { name, type, meaning, messages: new Set() }
      found.set(name + meaning, one)
      one.messages.add(message)
    }
  return [...found.values()].sort((one, other) => one.name.localeCompare(other.name, 'en'))
}

function placeOf([first = '', ...others]: readonly string[]): string {
  return `in "${first}"${others.length > 0 ? ` and ${others.length} others` : ''}`
}

function isAmbiguous(name: string): boolean {
  return meanings().filter((one) => one.name === name).length > 1
}
