import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SpanKind } from '@opentelemetry/api'
import { expect, it } from 'vitest'
import { type SpanRow, spanTable } from '../../src/telemetry/span-table.ts'
import { readingNames } from '../../src/tokens/readings.ts'
import { codeSpans, tableOf, withTable } from '../harness/markdown.ts'
import { project } from '../harness/programs.ts'

const rows: readonly (readonly [string, SpanRow])[] = Object.entries(spanTable)
const document = join(project, 'test/deploy/monitoring/traces.md')
if (process.env.WRITE_SPAN_TABLE !== undefined) writeFileSync(document, withTables(readFileSync(document, 'utf8')))

it('traces.md has the tables of the code: WRITE_SPAN_TABLE=yes writes them again', () => {
  const text = readFileSync(document, 'utf8')
  expect(text).toBe(withTables(text))
})

it.each(rows)('%s: is opened by src/', (span) => {
  const opening = new RegExp(`\\bopen(Below)?\\('${span}'`)
  const files = globSync('src/**/*.ts', { cwd: project })
  expect(files.some((file) => opening.test(readFileSync(join(project, file), 'utf8')))).toBe(true)
})

it('each reading of a token is named as a subject', () => {
  const { 'gateway.lookup.subject': subject, 'gateway.lookup.alongside': alongside } = spanTable.lineTier.attributes
  for (const text of [subject, alongside])
    expect(codeSpans(text).filter((name) => name !== 'verification')).toEqual(readingNames)
})

it('names are those of the semantic conventions, or begin with gateway.; nothing is about a person or a document', () => {
  const names = rows.flatMap(([, { attributes }]) => Object.keys(attributes))
  for (const name of names) expect(name).toMatch(/^(gateway|http|url|server|db|error|graphql)\.[a-z_.]+$/)
  expect(names.filter((name) => /client|user|query|document|operation\.name$|text|header/.test(name))).toEqual([
    'db.operation.name',
  ])
})

function withTables(text: string): string {
  const spans = rows.map(([span, { kind, name, about }]) => [`\`${span}\``, SpanKind[kind], `\`${name}\``, about])
  const attributes = rows.flatMap(([span, row]) =>
    Object.entries(row.attributes).map(([name, about]) => [`\`${span}\``, `\`${name}\``, about]),
  )
  const withSpans = withTable(text, tableOf(['span', 'kind', 'name', 'what it is'], spans))
  return withTable(withSpans, tableOf(['span', 'attribute', 'what it is'], attributes))
}
