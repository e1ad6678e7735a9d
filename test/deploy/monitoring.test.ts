import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { MetricRow } from '../../src/telemetry/metric-row.ts'
import { metricTable } from '../../src/telemetry/metric-table.ts'
import { monitoring, readRules } from '../harness/alert-rules.ts'
import {
  declaredFamilies,
  declaredSeries,
  familiesIn,
  type KnownSeries,
  knownSeries,
  labelsIn,
  unknownIn,
} from '../harness/known-series.ts'
import { codeSpans, parseDocument } from '../harness/markdown.ts'
import { metricDocument } from '../harness/metric-document.ts'
import { describeWithPrometheus, promtoolFinds } from '../harness/prometheus.ts'
import { parseExpression } from '../harness/promql.ts'
import { startRunningGateway } from '../harness/running-gateway.ts'
import { dashboardText } from './monitoring/dashboard.ts'
import { emptyTexts, panels, rows } from './monitoring/panels.ts'
import { plainQuery } from './monitoring/queries.ts'

const textOf = (file: string) => readFileSync(join(monitoring, file), 'utf8')
const { alerts, recordings } = readRules()
const series = await seriesWithRecordings()
const queries = panels.flatMap(({ title, queries }) => queries.map(({ expression }) => [title, expression] as const))

describe('metrics.md', () => {
  if (process.env.WRITE_METRIC_TABLE !== undefined) writeFileSync(join(monitoring, 'metrics.md'), metricDocument())

  it('is written from the metric table: WRITE_METRIC_TABLE=yes writes it again', () => {
    expect(textOf('metrics.md')).toBe(metricDocument())
  })

  it('a gateway that has just started: exactly these families, with exactly these series', async () => {
    const gateway = await startRunningGateway({ METRICS_PORT: '0' })
    const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    await gateway.close()
    const own = Object.entries<MetricRow>(metricTable).filter(([, { needs }]) => needs === undefined)
    expect(familiesIn(text)).toEqual(declaredFamilies([]))
    for (const [name, row] of own) expect(printedSeries(text, name, row), name).toEqual(expectedSeries(row))
  })

  function printedSeries(text: string, name: string, { type }: MetricRow): string[] {
    const suffix = type === 'histogram' ? '_count' : ''
    const lines = [...text.matchAll(new RegExp(`^${name}${suffix}(?:{(.*)})? `, 'gm'))]
    return lines.map(([, labels = '']) => seriesText(labelsIn(labels))).sort()
  }

  function expectedSeries(row: MetricRow): string[] {
    return declaredSeries(row).map(seriesText).sort()
  }
})

/** The values of labels that the table leaves open are not compared. */
function seriesText(labels: Readonly<Record<string, string | undefined>>): string {
  const open = ['server_address', 'server_port', 'version', 'node']
  const pairs = Object.entries(labels).map(([label, value]) => [label, open.includes(label) ? '' : value])
  return JSON.stringify(pairs.sort())
}

describe('the alerts', () => {
  it.each(alerts)('$name: its expression names real series, and its runbook is there', ({ expression, ...alert }) => {
    expect(unknownIn(expression, series)).toEqual([])
    expect(['page', 'ticket']).toContain(alert.severity)
    expect(alert.runbook).toBe(`runbooks.md#${alert.name.toLowerCase()}`)
    expect(alert.summary).toMatch(/^["A-Z].+[^.]$/)
  })

  it('the recordings name real series', () => {
    for (const { expression } of recordings) expect(unknownIn(expression, series)).toEqual([])
  })

  it.each([
    ['rate(gateway_line_call_total[5m])', 'there is no gateway_line_call_total'],
    ['gateway_line_calls_total{outcome=~"limited|late"}', 'gateway_line_calls_total has no outcome late'],
    ['gateway_line_calls_total{kind="x"}', 'gateway_line_calls_total has no label kind'],
    ['gateway_line_calls_total{outcome="limited",error="other"}', 'gateway_line_calls_total has no such series'],
    ['gateway_line_calls_total{outcome!="latee"}', 'gateway_line_calls_total has no outcome latee'],
    ['sum by (lane, endpoit) (gateway_line_calls_waiting)', 'no metric has endpoit'],
    ['gateway_token_lookups_total_count', 'there is no gateway_token_lookups_total_count'],
    ['rate(gateway_operation_duration_seconds_bucket{le="0.3"}[5m])', 'seconds_bucket has no le 0.3'],
    ['nodejs_heap_bytes', 'there is no nodejs_heap_bytes'],
    ['1 > bool 0', 'it names no metric'],
  ])('%s: found', (expression, problem) => {
    expect(unknownIn(expression, series).join('\n')).toContain(problem)
  })
})

describe('runbooks.md', () => {
  const text = textOf('runbooks.md')
  const sections = text.split(/^## /m).slice(1)
  const titles = sections.map((section) => section.split('\n')[0])

  it('has one section for each alert, and no other', () => {
    expect(titles).toEqual(alerts.map(({ name }) => name))
  })

  it.each(alerts)('$name: symptom, metric, what to do, how to see that it helped', ({ name, severity }) => {
    const section = sections.find((one) => one.startsWith(`${name}\n`)) ?? ''
    const parts = [
      `**Symptom** (${severity}): `,
      '**Metric**:\n\n```promql\n',
      '**What to do**:\n\n1. ',
      '**It helped when** ',
    ]
    const places = parts.map((part) => section.indexOf(part))
    const missing = parts.filter((_, index) => (places[index] ?? -1) <= (places[index - 1] ?? 0))
    expect(missing, 'parts that are missing or not in this order').toEqual([])
  })

  it('every query and metric in it is real, and every link leads somewhere', () => {
    const { blocks, prose, links, anchors } = parseDocument(text)
    const spans = codeSpans(prose).filter((span) => /\b(gateway|nodejs|process|http)_[a-z]/.test(span))
    for (const query of [...blocks.map((block) => block.text), ...spans])
      expect(unknownIn(query, series), query).toEqual([])
    for (const link of links.filter((one) => one.startsWith('#'))) expect(anchors).toContain(link.slice(1))
  })

  it('every log message and setting in it exists', () => {
    const [messages, settings] = [textOf('logs.md'), readFileSync(join(monitoring, '../../../README.md'), 'utf8')]
    for (const [, message = ''] of text.matchAll(/“([^”]+)”/g)) expect(messages).toContain(message)
    for (const [name] of text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)) expect(settings).toContain(name)
  })
})

describe('README.md: the five questions', () => {
  const lines = textOf('README.md').split('\n')
  const table = lines.filter((line) => line.includes('](runbooks.md#gateway')).map((line) => line.split(' | '))

  it('the rows of the dashboard, in its order, with panels of theirs', () => {
    expect(table.map(([question]) => question?.slice(2))).toEqual(rows.map(({ question }) => question))
    for (const [at, [, look = '']] of table.entries()) {
      const titles = rows[at]?.panels.map(({ title }) => title)
      expect(titles).toEqual(expect.arrayContaining(look.split(', ')))
    }
  })

  it('every alert once', () => {
    const anchors = table.flatMap(([, , links = '']) => [...links.matchAll(/#(\w+)/g)].map(([, anchor]) => anchor))
    expect(anchors.sort()).toEqual(alerts.map(({ name }) => name.toLowerCase()).sort())
  })

  it('log lines that exist', () => {
    const quoted = table.flatMap(([, , , logs = '']) => [...logs.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one))
    for (const one of quoted) expect(textOf('logs.md')).toContain(`\`${one.replace(/ ?…/, '')}`)
  })
})

describe('dashboard.json', () => {
  it('is what `node test/deploy/monitoring/dashboard.ts` writes', () => {
    expect(textOf('dashboard.json')).toBe(dashboardText())
  })

  it.each(queries)('%s: %s names real series', (_, expression) => {
    expect(unknownIn(expression, series)).toEqual([])
  })

  it('each panel has a unit, a description, a place and a title of its own, and queries', () => {
    const written: readonly { title: string; gridPos: { x: number; y: number } }[] = JSON.parse(dashboardText()).panels
    const places = written.map(({ gridPos: { x, y } }) => `${x} ${y}`)
    expect(new Set(places).size).toBe(places.length)
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
    for (const { title, unit, description, queries } of panels)
      expect([unit, description, queries.length > 0], title).toEqual([
        expect.stringMatching(/\w/),
        expect.stringMatching(/^[A-Z].+\.$/),
        true,
      ])
  })

  it('a panel whose lines can all be away says why', () => {
    const canBeEmpty = / > 0$|\) \/ \(sum|gateway_(redis_up|shared_round_age|signing_key_left)/
    const titles = panels.filter(({ queries }) => queries.every(({ expression }) => canBeEmpty.test(expression)))
    expect(Object.keys(emptyTexts)).toEqual(expect.arrayContaining(titles.map(({ title }) => title)))
    expect(panels.map(({ title }) => title)).toEqual(expect.arrayContaining(Object.keys(emptyTexts)))
  })

  it('no panel has a legend of many zeros: twenty series at most, or only those with a value', () => {
    for (const [title, query] of queries.filter(([, one]) => !one.endsWith(' > 0')))
      expect(linesOf(query), title).toBeLessThanOrEqual(20)
  })

  /** The lines of a query for one replica. */
  function linesOf(query: string): number {
    const { selectors, labels } = parseExpression(query)
    const all = selectors.slice(0, 1).flatMap(({ name }) => series.get(name) ?? [])
    return new Set(all.map((one) => labels.map((label) => one[label]).join())).size
  }

  it('every metric of the table is in an alert, on the dashboard or in a runbook', () => {
    const all = [
      ...queries.map(([, query]) => query),
      ...alerts.map((one) => one.expression),
      textOf('runbooks.md'),
    ].join('\n')
    expect(Object.keys(metricTable).filter((name) => !all.includes(name))).toEqual([])
  })
})

const testFiles = ['alerts.test.yaml', 'alerts-of-hours.test.yaml', 'alerts-of-days.test.yaml']

describe('the unit tests of the alerts', () => {
  const text = testFiles.map(textOf).join('')

  it('the series of these tests are real', () => {
    const inputs = [...text.matchAll(/series: '([^']+)'/g)].map(([, input = '']) => input)
    expect(inputs.length).toBeGreaterThan(alerts.length)
    for (const input of inputs) expect(unknownIn(input, series), input).toEqual([])
  })

  it('there is a series for each alert that makes it fire, and one that does not', () => {
    const cases = [...text.matchAll(/alertname: (\w+)\n +exp_alerts:( \[\])?/g)]
    const named = (isQuiet: boolean) =>
      cases.filter(([, , quiet]) => (quiet !== undefined) === isQuiet).map(([, name]) => name)
    const names = alerts.map(({ name }) => name)
    expect([...new Set(named(false))].sort()).toEqual(names.toSorted())
    expect([...new Set(named(true))].sort()).toEqual(names.toSorted())
  })
})

describeWithPrometheus('promtool', () => {
  it('accepts the rules', () => {
    expect(promtoolFinds(monitoring, 'check', 'rules', '--lint-fatal', 'alerts.yaml')).toBe('')
  })

  it('accepts the queries of the dashboard and the runbooks', () => {
    const folder = mkdtempSync(join(tmpdir(), 'queries-'))
    const blocks = parseDocument(textOf('runbooks.md')).blocks.map((block) => block.text)
    const all = [...queries.map(([, query]) => plainQuery(query, '5m')), ...blocks]
    const rules = all.map((query, index) => ({ record: `query_${index}`, expr: query }))
    writeFileSync(join(folder, 'queries.yaml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }))
    expect(promtoolFinds(folder, 'check', 'rules', '--lint=none', 'queries.yaml')).toBe('')
    rmSync(folder, { recursive: true })
  })

  // Four seconds of CPU time. Beside other tests on a busy machine they took more than a minute.
  it('each alert fires when it should, and not otherwise', { timeout: 600_000 }, () => {
    expect(promtoolFinds(monitoring, 'test', 'rules', ...testFiles)).toBe('')
  })
})

async function seriesWithRecordings(): Promise<KnownSeries> {
  const job = { job: undefined }
  return new Map([...(await knownSeries()), ...recordings.map(({ name }) => [name, [job]] as const)])
}
