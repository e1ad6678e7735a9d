import { SpanKind } from '@opentelemetry/api'
import { expect, it } from 'vitest'
import { type SpanRow, spanTable } from '../../src/telemetry/span-table.ts'
import { readDocument } from '../harness/markdown.ts'

const rows: readonly (readonly [string, SpanRow])[] = Object.entries(spanTable)
const document = readDocument('test/deploy/monitoring/traces.md')
const tableUnder = (heading: string) => document.tables.find((table) => table.heading === heading)?.rows ?? []

it('the document has each span of the table, and no other', () => {
  const spans = rows.map(([span, { kind, name, about }]) => [`\`${span}\``, SpanKind[kind], `\`${name}\``, about])
  expect(tableUnder('The spans')).toEqual(spans)
})

it('the document has each attribute, and no other', () => {
  const attributes = rows.flatMap(([span, row]) =>
    Object.entries(row.attributes).map(([name, about]) => [`\`${span}\``, `\`${name}\``, about]),
  )
  expect(tableUnder('Attributes')).toEqual(attributes)
})

it('names are those of the semantic conventions, or begin with gateway.; nothing is about a person or a document', () => {
  const names = rows.flatMap(([, { attributes }]) => Object.keys(attributes))
  for (const name of names) expect(name).toMatch(/^(gateway|http|url|server|db|error|graphql)\.[a-z_.]+$/)
  expect(names.filter((name) => /client|user|query|document|operation\.name$|text|header/.test(name))).toEqual([
    'db.operation.name',
  ])
})
