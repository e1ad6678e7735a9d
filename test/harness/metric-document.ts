import { labelNamesOf } from '../../src/telemetry/meters.ts'
import { type MetricRow, metricTable } from '../../src/telemetry/metric-table.ts'
import { declaredSeries } from './known-series.ts'

const rows: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable)

/** The text of `metrics.md`, from the metric table. */
export function metricDocument(): string {
  return [
    head,
    '## Metrics\n',
    '| metric | type | labels | meaning |\n|---|---|---|---|',
    ...rows.map(rowOf),
    afterMetrics,
    '| label | of | values |\n|---|---|---|',
    ...rows.flatMap(valuesOf),
    afterValues,
  ].join('\n')
}

function rowOf([name, row]: readonly [string, MetricRow]): string {
  const needs = row.needs === undefined ? '' : `. Only with \`${row.needs}\``
  const cells = [`\`${name}\``, row.type, labelNamesOf(row).map(code).join(', '), row.help + needs]
  return `| ${cells.join(' | ')} |`.replaceAll('  ', ' ')
}

function valuesOf([name, row]: readonly [string, MetricRow]): string[] {
  const series = declaredSeries(row)
  return labelNamesOf(row).map((label) => {
    const values = [...new Set(series.map((one) => one[label]))]
    return `| \`${label}\` | \`${name}\` | ${values.map(textOf).join(', ')} |`
  })
}

function textOf(value: string | undefined): string {
  if (value === undefined) return 'fixed for a process'
  return value === '' ? '(empty)' : code(value)
}

function code(text: string): string {
  return `\`${text}\``
}

const head = `# Metrics

\`GET /metrics\` on \`METRICS_PORT\` has these metrics, in Prometheus' text format. The tables are written from
\`src/telemetry/metric-table.ts\`; a test compares both with a running gateway. All series are there from the start, with 0. So
\`rate\` and \`increase\` see the first event. No label has a value from a caller or from LINE.

Names that begin with \`http_\` and their labels are those of OpenTelemetry's semantic conventions 1.44. With \`WORKERS\` the values
are those of all processes together.
`

const afterMetrics = `
Prometheus adds \`job\` and \`instance\`. A histogram has three names: with \`_bucket\` (and the label \`le\`, in seconds), \`_sum\` and
\`_count\`.

The metrics that begin with \`process_\` and \`nodejs_\` are those of [prom-client](https://github.com/siimon/prom-client#default-metrics):
CPU, memory, start time and files of the process; heap, event loop and garbage collection of Node. Some exist on Linux only. The series
of \`nodejs_active_resources\` and its like, and of \`nodejs_gc_duration_seconds\`, appear with their first event.

## Labels

Not every combination exists. For example, \`gateway_line_calls_total\` has an \`error\` only where \`outcome\` is \`refused\` or
\`unreadable\`.
`

const afterValues = `
What the values of \`gateway_operations_total\` mean:

| outcome | the operation |
|---|---|
| \`ok\` | succeeded |
| \`refused\` | has a bad credential |
| \`invalid\` | has a wrong request |
| \`limited\` | comes from a network that has sent too many bad tokens |
| \`unavailable\` | got no answer from LINE, or we had no room for it |
| \`failed\` | needs the operator: a wrong setting or an unexpected error |

The values of \`gateway_token_lookups_total\`:

| tier | outcome | the question about an access token |
|---|---|---|
| \`memory\` | \`fresh\` | was answered by a young record |
| \`memory\` | \`aging\` | was answered by an older record, and LINE is asked in the background |
| \`memory\` | \`stale\` | was answered by an old record, because LINE gave no answer |
| \`memory\` | \`refused\` | met a logout, an end, or a refusal that we remember |
| \`flight\` | \`valid\`, \`refused\`, \`unanswered\` | waited for the answer to the same question of somebody else |
| \`redis\` | \`valid\`, \`refused\` | was answered by what another process has learned |
| \`line\` | \`valid\`, \`refused\`, \`unanswered\` | was answered by LINE, or LINE gave no answer |
| \`gate\` | \`limited\` | was not asked, because its network has sent too many bad tokens |
`
