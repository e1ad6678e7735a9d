import type { MetricRow } from '../../src/telemetry/metric-row.ts'
import { metricTable } from '../../src/telemetry/metric-table.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { type Matcher, parseExpression, type Selector } from './promql.ts'

/** The labels of a series. `undefined`: a label that can have any value. */
export type Series = Readonly<Record<string, string | undefined>>
/** The series of each name. A histogram has three names. */
export type KnownSeries = ReadonlyMap<string, readonly Series[]>

/** Prometheus adds these two to each series. */
const ofTarget: Series = { job: undefined, instance: undefined }
const collections = 'nodejs_gc_duration_seconds'

/** The series of a gateway with all settings: ours from the table, those of the process as they are printed. */
export async function knownSeries(): Promise<KnownSeries> {
  const { text } = await createMetrics().text()
  const known = new Map<string, readonly Series[]>([['up', [ofTarget]]])
  for (const [name, row] of Object.entries(metricTable)) addRow(known, name, row)
  for (const [, name = '', labels = ''] of text.matchAll(/^((?:process|nodejs)_\w+)(?:{(.*)})? /gm))
    known.set(name, [...(known.get(name) ?? []), { ...ofTarget, ...labelsIn(labels) }])
  // Its series appear with the first garbage collection of each kind.
  for (const suffix of ['_sum', '_count'])
    if (text.includes(`# TYPE ${collections} histogram`))
      known.set(collections + suffix, [{ ...ofTarget, kind: undefined }])
  return known
}

/** The names and types of our own metrics in Prometheus' text format. */
export function familiesIn(text: string): string[] {
  const families = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].filter(
    ([, name = '']) => !/^(process|nodejs)_/.test(name),
  )
  return families.map(([, name, type]) => `${name} ${type}`).sort()
}

/** Those of a gateway that has, of the settings in `needs`, only these. */
export function declaredFamilies(settings: readonly string[]): string[] {
  const rows = Object.entries<MetricRow>(metricTable).filter(([, { needs }]) => !needs || settings.includes(needs))
  return rows.map(([name, { type }]) => `${name} ${type}`).sort()
}

/** The labels between the braces of a line of Prometheus' text format. */
export function labelsIn(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label, value]))
}

function addRow(known: Map<string, readonly Series[]>, name: string, row: MetricRow): void {
  const series = declaredSeries(row).map((one) => ({ ...ofTarget, ...one }))
  if (row.type !== 'histogram') return void known.set(name, series)
  for (const suffix of ['_sum', '_count']) known.set(name + suffix, series)
  const bounds = [...(row.buckets ?? []), '+Inf'].map(String)
  known.set(
    `${name}_bucket`,
    series.flatMap((one) => bounds.map((le) => ({ ...one, le }))),
  )
}

/** The labels of all series of a row, in the order of the table. */
export function declaredSeries(row: MetricRow): Series[] {
  const { labels = [], derived, constants = [], series } = row
  const open = Object.fromEntries(constants.map((label) => [label, undefined]))
  if (series === undefined) return [{ ...Object.fromEntries(labels.map((label) => [label, undefined])), ...open }]
  return series.map((values) => ({
    ...Object.fromEntries(labels.map((label, at) => [label, values[at]])),
    ...derived?.of(values),
    ...open,
  }))
}

/** What an expression names that no gateway has: names, labels, values. Empty: all of it is real. */
export function unknownIn(text: string, known: KnownSeries): string[] {
  const { selectors, labels } = parseExpression(text)
  if (selectors.length === 0) return ['it names no metric']
  const used = selectors.flatMap(({ name }) => known.get(name) ?? [])
  return [
    ...selectors.flatMap((selector) => unknownOf(selector, known)),
    ...labels.filter((label) => !used.some((series) => label in series)).map((label) => `no metric has ${label}`),
  ]
}

function unknownOf({ name, matchers }: Selector, known: KnownSeries): string[] {
  const series = known.get(name)
  if (series === undefined) return [`there is no ${name}`]
  const values = matchers.flatMap((matcher) => unknownValues(name, matcher, series))
  if (values.length > 0) return values
  return series.some((one) => matchers.every((matcher) => fits(one, matcher))) ? [] : [`${name} has no such series`]
}

/** Each alternative of a pattern has to fit a value, so that a misspelt one is found. */
function unknownValues(name: string, { label, operator, value }: Matcher, series: readonly Series[]): string[] {
  if (!series.some((one) => label in one)) return [`${name} has no label ${label}`]
  const alternatives = operator.endsWith('~') ? value.split('|') : [value]
  const positive = operator.endsWith('~') ? '=~' : '='
  return alternatives
    .filter((one) => !series.some((labels) => fits(labels, { label, operator: positive, value: one })))
    .map((one) => `${name} has no ${label} ${one}`)
}

function fits(series: Series, { label, operator, value }: Matcher): boolean {
  if (!(label in series)) return false
  const own = series[label]
  if (own === undefined) return true
  const isSame = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(own) : own === value
  return isSame !== operator.startsWith('!')
}
