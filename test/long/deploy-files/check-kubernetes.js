import { writeFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'

/**
 * Reads objects of Kubernetes as YAML on standard input. Prints the kinds, and each value that the schema of its kind refuses.
 * The schemas accept unknown members, but the types do not: for them it writes the objects to `objects.ts`.
 */
let text = ''
for await (const chunk of process.stdin) text += chunk
const documents = parseAllDocuments(text)
const problems = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings].map(({ message }) => message))
const objects = documents.map((document) => document.toJS())

const lines = []
for (const [index, object] of objects.entries()) {
  const module = `kubernetes-models/${object.apiVersion}/${object.kind}`
  const { [object.kind]: Kind } = await import(module)
  try {
    new Kind(object).validate()
  } catch (error) {
    problems.push(`${object.kind} ${object.metadata.name}: ${error.message}`)
  }
  lines.push(`import type { I${object.kind} as Kind${index} } from '${module}'`)
  lines.push(`export const object${index}: Kind${index} = ${JSON.stringify(object, null, 2)}`)
}
writeFileSync('objects.ts', `${lines.join('\n')}\n`)
process.stdout.write(JSON.stringify({ kinds: objects.map(({ kind }) => kind), problems }))
