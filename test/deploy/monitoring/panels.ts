import { faceNames, rootFields } from '../../../src/telemetry/metric-labels.ts'
import { by, gauge, increase, quantile, rate, share, some } from './queries.ts'

/** A panel of the dashboard. */
export type Panel = {
  readonly title: string
  /** What a good picture looks like. */
  readonly description: string
  /** A unit of Grafana. */
  readonly unit: string
  /** `legend`: the text for each line, with `{{label}}` for the value of a label. */
  readonly queries: readonly { readonly expression: string; readonly legend: string }[]
  /** What the panel says while no query has a value. */
  readonly empty: string | undefined
}
/** A row answers one question of an operator. */
export type Row = { readonly question: string; readonly panels: readonly Panel[] }

/** What a panel says while none of its queries has a value, by its title. */
export const emptyTexts: Readonly<Record<string, string>> = {
  'Operations that succeed': 'No operation',
  'Duration of requests': 'No request',
  'Answers by HTTP status': 'No request',
  'Error budget': 'No operation',
  'Logins and refreshes that fail': 'None fails',
  'Other operations that fail': 'None fails',
  'Other endpoints that fail': 'None fails',
  'Requests refused before execution': 'None',
  'Look-ups answered without LINE': 'No look-up',
  'Look-ups by tier': 'No look-up',
  'Calls to LINE by endpoint': 'No call',
  'Calls to LINE that are not answered well': 'All are answered',
  'Duration of calls to LINE': 'No call',
  'HTTP requests to LINE': 'No call',
  'Circuit breakers': 'All are closed',
  'Delay of the shared stream': 'REDIS_URL is not set',
  'Redis is there': 'REDIS_URL is not set',
  'Duration of commands to Redis': 'No command',
  'Signing keys': 'SIGNING_KEYS_FILE is not set',
}

/** As the alerts count. MISCONFIGURED has alerts of its own. */
const bad = 'operation!~"__.*", outcome=~"unavailable|failed", code!="MISCONFIGURED"'
const counted = 'operation!~"__.*", outcome=~"ok|unavailable|failed", code!="MISCONFIGURED"'
const logins: readonly string[] = ['startLogin', 'exchangeLogin', 'refreshToken']
const others = rootFields.filter((field) => !field.startsWith('__') && !logins.includes(field))

const available: Row = {
  question: 'Is it available and fast?',
  panels: [
    panel(
      'Operations that succeed',
      'percentunit',
      'Above 99.9 %. Refused tokens and wrong requests are not counted.',
      [
        share(
          rate('gateway_operations_total', 'operation!~"__.*", outcome="ok"'),
          rate('gateway_operations_total', counted),
        ),
        'succeed',
      ],
    ),
    panel(
      'Operations by outcome',
      'ops',
      'Most are ok. Unavailable is LINE or our room for it, failed is for the operator.',
      [by('outcome', rate('gateway_operations_total')), '{{outcome}}'],
    ),
    panel(
      'Duration of requests',
      's',
      'Milliseconds while the tokens are known. With a call to LINE, as long as LINE takes.',
      [quantile(0.5, 'gateway_operation_duration_seconds', 'kind'), '{{kind}} median'],
      [quantile(0.99, 'gateway_operation_duration_seconds', 'kind'), '{{kind}} 99 %'],
    ),
    panel('Answers by HTTP status', 'reqps', 'Almost all 2xx. GraphQL answers a failed operation with 200.', [
      some(by('http_route, http_response_status_code', rate('http_server_request_duration_seconds_count'))),
      '{{http_route}} {{http_response_status_code}}',
    ]),
    panel(
      'Requests under way',
      'short',
      'Few. Waiting requests mean that the CPU is busy.',
      [by('http_request_method', gauge('http_server_active_requests')), '{{http_request_method}} no answer yet'],
      [`sum(${gauge('gateway_requests_waiting')})`, 'wait for a turn'],
    ),
    panel('Error budget', 'short', 'Below 1: the budget of 0.1 % lasts. 14.4 for an hour is a page.', [
      `${share(rate('gateway_operations_total', bad, '1h'), rate('gateway_operations_total', counted, '1h'))} / 0.001`,
      'burn rate, one hour',
    ]),
  ],
}

const failing: Row = {
  question: 'Who fails, and why?',
  panels: [
    panel('Logins and refreshes that fail', 'ops', 'INVALID_GRANT: an old code or refresh token. Others: LINE or we.', [
      some(by('operation, code', rate('gateway_operations_total', failuresOf(logins)))),
      '{{operation}} {{code}}',
    ]),
    panel('Other operations that fail', 'ops', 'UNAUTHENTICATED is normal in small numbers: tokens end.', [
      some(by('operation, code', rate('gateway_operations_total', failuresOf(others)))),
      '{{operation}} {{code}}',
    ]),
    panel('Other endpoints that fail', 'ops', 'Forward auth, introspection, token exchange and keys, by code.', [
      some(by('operation, code', rate('gateway_operations_total', failuresOf(faceNames)))),
      '{{operation}} {{code}}',
    ]),
    panel(
      'Requests refused before execution',
      'ops',
      'Near 0. A client with a wrong query, or a stranger who tries things.',
      [some(by('code', rate('gateway_operations_total', 'operation="none"'))), '{{code}}'],
    ),
    panel(
      'Bad tokens',
      'short',
      'Client networks whose bucket is empty, and attempts that wait for it. Normally 0.',
      [by('state', gauge('gateway_sources')), 'networks {{state}}'],
      [`sum(${gauge('gateway_attempts_waiting')})`, 'attempts that wait'],
    ),
    panel(
      'For the operator',
      'short',
      'Always 0: wrong settings and errors that should not happen, in one hour.',
      [by('setting', increase('gateway_misconfigured_total')), '{{setting}}'],
      [`sum(${increase('gateway_unexpected_errors_total')})`, 'unexpected errors'],
    ),
  ],
}

const line: Row = {
  question: 'Do we ask LINE as rarely as correct, and how is LINE?',
  panels: [
    panel('Look-ups answered without LINE', 'percentunit', 'Above 95 % with traffic of known users.', [
      `1 - ${share(rate('gateway_token_lookups_total', 'tier="line"'), rate('gateway_token_lookups_total', 'tier!="gate"'))}`,
      'without LINE',
    ]),
    panel(
      'Look-ups by tier',
      'ops',
      'Memory fresh and aging lead. Stale: LINE gives no answer, and old records serve.',
      [some(by('tier, outcome', rate('gateway_token_lookups_total'))), '{{tier}} {{outcome}}'],
    ),
    panel(
      'Calls to LINE by endpoint',
      'ops',
      'A new token costs one verify. The line is flat while users stay the same.',
      [some(by('endpoint', rate('gateway_line_calls_total'))), '{{endpoint}}'],
    ),
    panel(
      'Calls to LINE that are not answered well',
      'ops',
      'Refused is normal for old tokens. The others are for you.',
      [
        some(by('endpoint, outcome, error', rate('gateway_line_calls_total', 'outcome!="answered"'))),
        '{{endpoint}} {{outcome}} {{error}}',
      ],
    ),
    panel(
      'Duration of calls to LINE',
      's',
      'Below LINE_TIMEOUT_MS. If only the first one is high, calls wait for a free place.',
      [quantile(0.99, 'gateway_line_call_duration_seconds', 'endpoint'), '{{endpoint}} 99 %, with the wait'],
      [quantile(0.99, 'http_client_request_duration_seconds'), 'all 99 %, LINE alone'],
    ),
    panel('HTTP requests to LINE', 'reqps', 'By status. Timeout and connection: no answer came.', [
      some(by('http_response_status_code, error_type', rate('http_client_request_duration_seconds_count'))),
      '{{http_response_status_code}} {{error_type}}',
    ]),
    panel(
      'Calls in flight and waiting',
      'short',
      'In flight is below LINE_MAX_CONCURRENCY for each process. Waiting is 0.',
      [by('lane', gauge('gateway_line_calls_in_flight')), '{{lane}} in flight'],
      [by('lane', gauge('gateway_line_calls_waiting')), '{{lane}} waiting'],
      [some(by('endpoint', increase('gateway_line_calls_not_sent_total', '5m'))), '{{endpoint}} not sent in 5 minutes'],
    ),
    panel(
      'Circuit breakers',
      'short',
      'Empty. Open: LINE failed ten times in a row, or answered 429.',
      [some(by('endpoint, state', gauge('gateway_line_breaker_state', 'state!="closed"'))), '{{endpoint}} {{state}}'],
      [some(by('endpoint, cause', increase('gateway_line_breaker_opened_total'))), '{{endpoint}} opened, {{cause}}'],
    ),
    panel('Re-checks in the background', 'ops', 'Refused: tokens that users have revoked at LINE.', [
      by('outcome', rate('gateway_rechecks_total')),
      '{{outcome}}',
    ]),
  ],
}

const forgetting: Row = {
  question: 'Does forgetting work?',
  panels: [
    panel(
      'Revocations that LINE has not confirmed',
      'short',
      'Always 0, except while LINE is down.',
      [`sum(${gauge('gateway_unconfirmed_revocations')})`, 'waiting'],
      [by('reason', increase('gateway_unconfirmed_given_up_total')), 'given up in one hour: {{reason}}'],
    ),
    panel('Tombstones', 'short', 'What was forgotten and is still remembered as such. It follows the logouts.', [
      by('kind', gauge('gateway_tombstones')),
      '{{kind}}',
    ]),
    panel(
      'Delay of the shared stream',
      's',
      'Below 2 s. Above 5 s, this process hears nothing of the others.',
      [`max by (instance) (${gauge('gateway_shared_round_age_seconds')})`, '{{instance}} since it was read'],
      [`max by (instance) (${gauge('gateway_shared_lag_seconds')})`, '{{instance}} last own event'],
    ),
    panel(
      'Events not shared',
      'short',
      'Always 0: events that Redis has not taken, and losses of the stream in one hour.',
      [`sum(${gauge('gateway_shared_unwritten')})`, 'unwritten'],
      [`sum(${increase('gateway_shared_gaps_total')})`, 'gaps'],
    ),
    panel('Redis is there', 'short', 'Always 1. At 0 the process works alone.', [
      `min by (instance) (${gauge('gateway_redis_up')})`,
      '{{instance}}',
    ]),
    panel('Commands to Redis', 'ops', 'Almost all done. Late: no reply in time.', [
      by('outcome', rate('gateway_redis_commands_total')),
      '{{outcome}}',
    ]),
    panel('Duration of commands to Redis', 's', 'About a millisecond in the same zone.', [
      quantile(0.99, 'gateway_redis_command_duration_seconds', 'connection'),
      '{{connection}} 99 %',
    ]),
    panel(
      'Look-ups in Redis',
      'ops',
      'Found saves a call to LINE. Unopened entries come from a process with another CACHE_SECRET.',
      [by('outcome', rate('gateway_shared_lookups_total')), '{{outcome}}'],
      [some(by('kind', rate('gateway_shared_unopened_total'))), 'unopened {{kind}}'],
    ),
  ],
}

const room: Row = {
  question: 'Is there room?',
  panels: [
    panel(
      'Records in memory',
      'short',
      'Below the limit. At the limit the oldest go, and LINE is asked again.',
      [by('kind', gauge('gateway_records')), '{{kind}}'],
      [`sum(${gauge('gateway_records_max')})`, 'limit of records'],
    ),
    panel(
      'Memory',
      'bytes',
      'Flat after the records have come. Old objects that grow for days are a leak.',
      [by('instance', gauge('process_resident_memory_bytes')), '{{instance}} resident'],
      [by('instance', gauge('nodejs_heap_space_size_used_bytes', 'space="old"')), '{{instance}} old objects'],
      [by('instance', gauge('gateway_record_bytes')), '{{instance}} records'],
    ),
    panel('Delay of the event loop', 's', 'Below 50 ms. Every answer comes later by this time.', [
      `max by (instance) (${gauge('nodejs_eventloop_lag_p99_seconds')})`,
      '{{instance}} 99 %',
    ]),
    panel(
      'CPU',
      'percentunit',
      'Below 80 % of a core for each process. Garbage collection is a part of it.',
      [by('instance', rate('process_cpu_seconds_total')), '{{instance}}'],
      [by('instance', rate('nodejs_gc_duration_seconds_sum')), '{{instance}} garbage collection'],
    ),
    panel(
      'Processes',
      'short',
      'The number of WORKERS of each replica. Draining and silent are 0, but during a deploy.',
      [by('instance', gauge('gateway_workers')), '{{instance}} workers'],
      [by('instance', gauge('gateway_workers_silent')), '{{instance}} silent'],
      [by('instance', gauge('gateway_draining')), '{{instance}} draining'],
    ),
    panel(
      'Restarts in one hour',
      'short',
      'One for each replica in a deploy.',
      [`max by (instance) (changes(${gauge('process_start_time_seconds')}[1h]))`, '{{instance}}'],
      [some(by('instance, how', increase('gateway_workers_ended_total'))), '{{instance}} worker ended: {{how}}'],
    ),
    panel('Versions', 'short', 'One line, or two during a deploy.', [
      `count by (version, node) (${gauge('gateway_build_info')})`,
      '{{version}} on Node {{node}}',
    ]),
    panel(
      'Signing keys',
      's',
      'More than a day is left. A key without an end counts as a year.',
      [`clamp_max(min by (instance) (${gauge('gateway_signing_key_left_seconds')}), 31536000)`, '{{instance}} left'],
      [`max by (instance) (${gauge('gateway_signing_key_age_seconds')})`, '{{instance}} age'],
    ),
    panel(
      'Signed tokens',
      'ops',
      'Most are reused. The keys are those that verifiers can fetch, sign with, and have retired.',
      [by('source', rate('gateway_api_tokens_total')), '{{source}}'],
      [`max by (state) (${gauge('gateway_signing_keys')})`, 'keys {{state}}'],
    ),
    panel(
      'Log lines that are missing',
      'short',
      'Dropped is always 0. Left out: floods of similar lines.',
      [`sum(${increase('gateway_log_lines_dropped_total')})`, 'dropped in one hour'],
      [`sum(${increase('gateway_log_lines_left_out_total')})`, 'left out in one hour'],
    ),
  ],
}

/** The dashboard, in order. */
export const rows: readonly Row[] = [available, failing, line, forgetting, room]
export const panels: readonly Panel[] = rows.flatMap((row) => row.panels)

function failuresOf(operations: readonly string[]): string {
  return `operation=~"${operations.join('|')}", outcome!="ok"`
}

function panel(
  title: string,
  unit: string,
  description: string,
  ...queries: readonly (readonly [expression: string, legend: string])[]
): Panel {
  const lines = queries.map(([expression, legend]) => ({ expression, legend }))
  return { title, unit, description, queries: lines, empty: emptyTexts[title] }
}
