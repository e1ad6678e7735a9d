import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printSchema } from 'graphql'
import { schema } from '../../src/schema/schema.ts'
import { compareSchemas, parseAccepted } from './changes.ts'

/**
 * Exits with 1 if the schema breaks the code of clients of the last release, whose schema is `released.graphql`.
 * `accepted.json` lists the breaking changes that are intended. At a release, copy schema.graphql to `released.graphql` and
 * empty `accepted.json`. The first argument can name another folder with these two files.
 */
const folder = process.argv[2] ?? import.meta.dirname
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

const { breaking, stale } = compareSchemas(
  read('released.graphql'),
  printSchema(schema),
  parseAccepted(read('accepted.json')),
)
for (const description of breaking) {
  process.stderr.write(`Breaking: ${description}\n`)
}
for (const description of stale) {
  process.stderr.write(`Accepted, but not in the schema: ${description}\n`)
}
if (breaking.length > 0) {
  process.stderr.write('Avoid the break, or add it to test/schema-changes/accepted.json\n')
}
process.exitCode = breaking.length + stale.length === 0 ? 0 : 1
