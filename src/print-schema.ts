import { readFileSync, writeFileSync } from 'node:fs'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './schema/schema.ts'

/** Writes `schema.graphql` from the code. With `--check` it writes nothing; it exits with 1 if the two differ. */
const file = new URL('../schema.graphql', import.meta.url)
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`

if (!process.argv.includes('--check')) {
  writeFileSync(file, printed)
} else if (readFileSync(file, 'utf8') !== printed) {
  process.stderr.write('schema.graphql differs from the code. To update it, run: npm run codegen\n')
  process.exit(1)
}
