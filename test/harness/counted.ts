import { faceNames, rootFields } from '../../src/telemetry/metric-labels.ts'
import type { MetricRow } from '../../src/telemetry/metric-row.ts'
import { type MetricName, metricTable } from '../../src/telemetry/metric-table.ts'
import { seriesIn } from './series.ts'

/** How many events each series has counted. Keys: a short word for the metric, and the values of its labels. Without zeros. */
export type Counted = Readonly<Record<string, number>>

/** Metrics without a word here have their whole name. */
const words: { readonly [Name in MetricName]?: string } = {
  gateway_operations_total: 'operation',
  gateway_operation_duration_seconds: 'kind',
  http_server_request_duration_seconds: 'http',
  gateway_token_lookups_total: 'look-up',
  gateway_rechecks_total: 're-check',
  gateway_line_calls_total: 'call',
  gateway_line_call_duration_seconds: 'duration',
  http_client_request_duration_seconds: 'request',
  gateway_line_breaker_opened_total: 'opened',
  gateway_api_tokens_total: 'api token',
  gateway_misconfigured_total: 'misconfigured',
}

/** All counters and the counts of all histograms. */
export function countedIn(text: string): Counted {
  return valuesIn(text, ({ type }) => type !== 'gauge')
}

/** The same for the gauges. */
export function gaugesIn(text: string): Counted {
  return valuesIn(text, ({ type }) => type === 'gauge')
}

function valuesIn(text: string, isWanted: (row: MetricRow) => boolean): Counted {
  const rows = Object.entries<MetricRow>(metricTable).filter(([, row]) => isWanted(row))
  const byName = new Map(
    rows.map(([name, row]) => [row.type === 'histogram' ? `${name}_count` : name, { ...row, word: wordOf(name) }]),
  )
  const all: Record<string, number> = {}
  for (const { name, labels, value } of seriesIn(text)) {
    const row = byName.get(name)
    if (row === undefined || value === 0) continue
    const key = [row.word, ...(row.labels ?? []).map((label) => labels[label])].filter(Boolean).join(' ')
    all[key] = (all[key] ?? 0) + value
  }
  return all
}

function wordOf(name: string): string {
  return words[name as MetricName] ?? name
}

/** The sum of those whose key begins with this word. */
export function sumOf(counted: Counted, word: string): number {
  const own = Object.entries(counted).filter(([key]) => key.startsWith(`${word} `))
  return own.reduce((sum, [, count]) => sum + count, 0)
}

/** What was counted between two readings. */
export function difference(before: Counted, after: Counted): Counted {
  const grown = Object.entries(after).map(([key, count]) => [key, count - (before[key] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, by]) => by !== 0))
}

/** How often each text is there. */
export function tallied(texts: readonly string[]): Counted {
  const all: Record<string, number> = {}
  for (const text of texts) all[text] = (all[text] ?? 0) + 1
  return all
}

/** The HTTP request of each call to LINE. */
const requests: Readonly<Record<string, string>> = {
  'verify answered': 'GET 200',
  'verify refused invalid_request': 'GET 400 400',
  'verify failed': 'GET 503 503',
  'profile answered': 'GET 200',
  'profile failed': 'GET 503 503',
  'profile limited': 'GET 429 429',
  'profile no_answer': 'GET connection',
  'userinfo answered': 'GET 200',
  'friendship answered': 'GET 200',
  'certs answered': 'GET 200',
  'token answered': 'POST 200',
  'token refused invalid_grant': 'POST 400 400',
  'token refused invalid_client': 'POST 401 401',
  'token failed': 'POST 503 503',
  'revoke answered': 'POST 200',
  'revoke failed': 'POST 503 503',
  'channelToken answered': 'POST 200',
  'deauthorize answered': 'POST 204',
}

const tiers = /^(memory|flight|redis|line|gate) /
const httpRequest = /^(GET|HEAD|POST|OPTIONS|_OTHER) /
const queries = ['viewer', 'verifyAccessToken', 'verifyAccessTokens', 'verifyIdToken', '__typename']
const kinds: Readonly<Record<string, string>> = {
  ...Object.fromEntries(rootFields.map((field) => [field, queries.includes(field) ? 'query' : 'mutation'])),
  ...Object.fromEntries(['none', ...faceNames].map((name) => [name, name])),
}

/**
 * All that one request counts. `text`: its events, with commas between them. An operation (`viewer OK`) counts as an operation, its kind and, unless the HTTP request is
 * given (`GET /auth 200`), as POST /graphql with 200. A call (`verify answered`) counts as a call, a duration and a request
 * to LINE. `memory fresh` is a look-up. Other texts count as they are.
 */
export function countsOf(text: string): string[] {
  const events = text.split(', ')
  const [kind] = events.flatMap((event) => kinds[firstWord(event)] ?? [])
  const isGraphql = kind !== undefined && !events.some((event) => httpRequest.test(event))
  return [
    ...events.flatMap(countsOfOne),
    ...(kind === undefined ? [] : [`kind ${kind}`]),
    ...(isGraphql ? ['http POST /graphql 200'] : []),
  ]
}

function countsOfOne(event: string): readonly string[] {
  if (requests[event] !== undefined)
    return [`call ${event}`, `duration ${firstWord(event)}`, `request ${requests[event]}`]
  if (kinds[firstWord(event)] !== undefined) return [`operation ${event}`]
  if (httpRequest.test(event)) return [`http ${event}`]
  return [tiers.test(event) ? `look-up ${event}` : event]
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? ''
}
