import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printSchema } from 'graphql'
import { schema } from '../../src/schema/schema.ts'
import { judgeChanges, parseAccepted } from './changes.ts'

/**
 * Fails where the schema breaks what clients of the last release have written: `released.graphql`. A break that is meant
 * is recorded in `accepted.json`. At a release schema.graphql becomes `released.graphql`, and `accepted.json` is emptied.
 * Another folder with these two files may be given.
 */
const folder = process.argv[2] ?? import.meta.dirname
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

const { breaking, stale } = judgeChanges(
  read('released.graphql'),
  printSchema(schema),
  parseAccepted(read('accepted.json')),
)
for (const description of breaking) {
  process.stderr.write(`Breaking: ${description}\n`)
}
for (const description of stale) {
  process.stderr.write(`Accepted and yet not there: ${description}\n`)
}
if (breaking.length > 0) {
  process.stderr.write('Break nobody, or record it in test/schema-changes/accepted.json\n')
}
process.exitCode = breaking.length + stale.length === 0 ? 0 : 1
