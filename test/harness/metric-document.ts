import type { CallOutcome } from '../../src/telemetry/line-call.ts'
import { labelNamesOf } from '../../src/telemetry/meters.ts'
import { type LookUp, type OperationOutcome, sharedEntries } from '../../src/telemetry/metric-labels.ts'
import type { MetricRow } from '../../src/telemetry/metric-row.ts'
import { metricTable } from '../../src/telemetry/metric-table.ts'
import { declaredSeries } from './known-series.ts'
import { tableOf } from './markdown.ts'

const rows: readonly (readonly [string, MetricRow])[] = Object.entries(metricTable)

/** The text of `metrics.md`, from the metric table. */
export function metricDocument(): string {
  return [
    head,
    '## Metrics\n',
    tableOf(['metric', 'type', 'labels', 'meaning'], rows.map(cellsOf)),
    afterMetrics,
    tableOf(['label', 'of', 'values'], rows.flatMap(valuesOf)),
    '\nWhat the values of `gateway_operations_total` mean:\n',
    tableOf(
      ['outcome', 'the operation'],
      Object.entries(operationOutcomes).map(([outcome, meaning]) => [code(outcome), meaning]),
    ),
    '\nA root field that a request selects several times counts once. If it failed, it has the code of its first error.',
    '\nThe values of `gateway_line_calls_total`:\n',
    tableOf(
      ['outcome', 'LINE'],
      Object.entries(callOutcomes).map(([outcome, meaning]) => [code(outcome), meaning]),
    ),
    '\nThe values of `gateway_token_lookups_total`:\n',
    tableOf(
      ['tier', 'outcome', 'the question about an access token'],
      Object.entries(lookUpMeanings).map(([pair, meaning]) => [...pair.split(' ').map(code), meaning]),
    ),
    '\nThe letters of `gateway_shared_unopened_total`. A lease: only its owner asks LINE, and the others wait.\n',
    tableOf(
      ['kind', 'the entry in Redis'],
      Object.entries(sharedEntries).map(([letter, meaning]) => [code(letter), meaning]),
    ),
    '',
  ].join('\n')
}

function cellsOf([name, row]: readonly [string, MetricRow]): string[] {
  const needs = row.needs === undefined ? '' : `. Only with \`${row.needs}\``
  return [code(name), row.type, labelNamesOf(row).map(code).join(', '), row.help + needs]
}

function valuesOf([name, row]: readonly [string, MetricRow]): string[][] {
  const series = declaredSeries(row)
  return labelNamesOf(row).map((label) => {
    const values = [...new Set(series.map((one) => one[label]))]
    return [code(label), code(name), values.map(textOf).join(', ')]
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

An empty \`http_route\` is a path that does not exist, or a page of \`npm run dev\`. With the method \`_OTHER\` it is also what is refused
before the path is read: bytes that are not HTTP (400), a request that comes too slowly (408), a part of it that is too large (413, 431),
no \`Host\` (400), an unknown \`Expect\` (417).
`

const operationOutcomes: Readonly<Record<OperationOutcome, string>> = {
  ok: 'succeeded',
  refused: 'has a bad credential',
  invalid: 'has a wrong request',
  limited: 'comes from a network that has sent too many bad tokens',
  unavailable: 'got no answer from LINE, or we had no room for it',
  failed: 'needs the operator: a wrong setting or an unexpected error',
}

/** `not_sent` has a counter of its own: it is no call. */
const callOutcomes: Readonly<Record<Exclude<CallOutcome, 'not_sent'>, string>> = {
  answered: 'gave a good answer',
  refused: 'refused the credential or the request. Without an `error`: status 401, 403 or 400',
  limited: 'answered 429',
  failed: 'answered 5xx',
  no_answer: 'did not answer in time, or the connection or the answer broke',
  unreadable: 'gave an answer that it does not document',
}

const waited = 'waited for the answer to the same question of somebody else'
const shared = 'was answered by what another process has learned'
/** `memory fresh`: tier and outcome. */
type Joined<Pair extends LookUp> = Pair extends Pair ? `${Pair[0]} ${Pair[1]}` : never
const lookUpMeanings: Readonly<Record<Joined<LookUp>, string>> = {
  'memory fresh': 'was answered by a young record, or by one that LINE has confirmed a moment ago',
  'memory aging': 'was answered by an older record, and LINE is asked in the background',
  'memory stale': 'was answered by an old record, in memory or in Redis, because LINE gave no answer',
  'memory refused': 'met a logout, an end, or a refusal that we remember',
  'flight valid': waited,
  'flight refused': waited,
  'flight unanswered': waited,
  'redis valid': shared,
  'redis refused': shared,
  'line valid': 'was answered by LINE',
  'line refused': 'was answered by LINE',
  'line unanswered': 'got no answer of LINE, and there was no record to serve',
  'gate limited': 'was not asked, because its network has sent too many bad tokens',
}
