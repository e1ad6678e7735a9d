import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { schema } from '../../src/schema/schema.ts'
import { labelNamesOf } from '../../src/telemetry/meters.ts'
import { operationKinds, rootFields } from '../../src/telemetry/metric-labels.ts'
import type { MetricRow } from '../../src/telemetry/metric-row.ts'
import { metricTable } from '../../src/telemetry/metric-table.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { project } from '../harness/programs.ts'

const rows: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable)

describe('the metric table', () => {
  it('operations: the root fields of the schema, and those of GraphQL', () => {
    const fields = ['Query', 'Mutation'].flatMap((name) => Object.keys(Object(schema.getType(name)).getFields()))
    expect(rootFields.filter((field) => !field.startsWith('__')).toSorted()).toEqual(fields.toSorted())
    expect(operationKinds).toContain('mutation')
  })

  it.each(rows)('%s: a name with its unit, words in its help, each series once', (name, row) => {
    expect(name).toMatch(/^(gateway|http_server|http_client)_[a-z_]+$/)
    expect(name.endsWith('_total')).toBe(row.type === 'counter')
    if (row.type === 'histogram') expect(name).toMatch(/_seconds$/)
    expect(row.help).toMatch(/^\S.*[^.]$/)
    const { series = [], labels = [] } = row
    for (const values of series) expect(values).toHaveLength(labels.length)
    expect(new Set(series.map((values) => values.join('|'))).size).toBe(series.length)
  })

  it('outcome: whose fault it is', () => {
    const codes = metricTable.gateway_operations_total.series.map(([, code = '']) => code)
    const { of } = metricTable.gateway_operations_total.derived
    expect(Object.groupBy(new Set(codes), (code) => of(['', code]).outcome)).toEqual({
      ok: ['OK'],
      refused: ['UNAUTHENTICATED', 'FORBIDDEN', 'INVALID_GRANT', 'INVALID_ID_TOKEN', 'invalid_client'],
      invalid: [
        ...['BAD_USER_INPUT', 'OPERATION_TOO_COMPLEX', 'BAD_REQUEST', 'GRAPHQL_PARSE_FAILED'],
        ...['GRAPHQL_VALIDATION_FAILED', 'PERSISTED_QUERY_NOT_SUPPORTED'],
        ...['invalid_request', 'invalid_target', 'invalid_scope', 'unsupported_grant_type'],
      ],
      limited: ['RATE_LIMITED'],
      unavailable: ['LINE_RATE_LIMITED', 'LINE_UNAVAILABLE', 'SHUTTING_DOWN'],
      failed: ['MISCONFIGURED', 'INTERNAL_SERVER_ERROR'],
    })
  })

  it('error_type of an answer: the status, from 500 on', () => {
    const { of } = metricTable.http_server_request_duration_seconds.derived
    const errors = ['200', '302', '429', '500', '503'].map((status) => of(['GET', '/auth', status]).error_type)
    expect(errors).toEqual(['', '', '', '500', '503'])
  })

  it('each metric is used by src/', () => {
    const files = globSync('src/**/*.ts', { cwd: project }).filter((file) => !file.endsWith('metric-table.ts'))
    const sources = files.map((file) => readFileSync(join(project, file), 'utf8')).join('\n')
    expect(rows.map(([name]) => name).filter((name) => !sources.includes(`'${name}'`))).toEqual([])
  })

  it('a counter with a value that its label does not have, with too many or too few: no type', () => {
    const { count } = createSilentTelemetry()
    count('gateway_rechecks_total', 'valid')
    // @ts-expect-error no such value
    count('gateway_rechecks_total', 'invalid')
    // @ts-expect-error it has one label
    count('gateway_rechecks_total')
    // @ts-expect-error it has no label
    count('gateway_shared_gaps_total', 'valid')
    // @ts-expect-error no such endpoint
    count('gateway_line_breaker_opened_total', 'no endpoint', 'limit')
  })

  it('all counters and histograms with all their series are there before the first event', async () => {
    const { text } = await createMetrics().text()
    for (const [name, row] of rows) {
      if (row.type === 'gauge' || row.constants !== undefined) continue
      const suffix = row.type === 'histogram' ? '_count' : ''
      const printed = text
        .split('\n')
        .filter((line) => line.startsWith(`${name}${suffix}${labelNamesOf(row).length > 0 ? '{' : ' '}`))
      expect(printed, name).toHaveLength(row.series?.length ?? 1)
      expect(printed.every((line) => line.endsWith(' 0'))).toBe(true)
    }
  })
})
