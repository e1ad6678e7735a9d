import {
  blamedSettings,
  breakerStates,
  clientEnds,
  commandConnections,
  entrySuffixes,
  faceCodes,
  fieldCodes,
  httpMethods,
  httpRoutes,
  lanes,
  lineCallEnds,
  lineEndpoints,
  lookUps,
  operationKinds,
  outcomeOf,
  redisOutcomes,
  requestCodes,
  rootFields,
  sharedLookUps,
  workerEnds,
} from './metric-labels.ts'
import { each, type MetricRow, pairs } from './metric-row.ts'

const operationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10]
const httpBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const callBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3]
const redisBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.5]

/**
 * All our metrics: `createMetrics` makes them from this table, and `test/deploy/monitoring/metrics.md` is written from it. Names and
 * labels that begin with `http_` are those of OpenTelemetry's semantic conventions 1.44.
 */
export const metricTable = {
  http_server_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the last byte of the request to the answer. A request whose client leaves before it is run is not counted',
    labels: ['http_request_method', 'http_route', 'http_response_status_code'],
    series: Object.entries(httpRoutes).flatMap(([route, methods]) =>
      Object.entries(methods).flatMap(([method, statuses]) =>
        statuses.map((status) => [method, route, String(status)] as const),
      ),
    ),
    derived: {
      labels: ['url_scheme', 'error_type'],
      of: ([, , status = '']) => ({ url_scheme: 'http', error_type: status >= '500' ? status : '' }),
    },
    buckets: httpBuckets,
  },
  http_server_active_requests: {
    type: 'gauge',
    help: 'Requests that have no answer yet',
    labels: ['http_request_method'],
    series: each(httpMethods),
    derived: { labels: ['url_scheme'], of: () => ({ url_scheme: 'http' }) },
  },
  http_client_request_duration_seconds: {
    type: 'histogram',
    help: 'Duration of HTTP requests to the LINE Platform, without the wait for a free place',
    labels: ['http_request_method', 'http_response_status_code', 'error_type'],
    series: clientEnds,
    constants: ['server_address', 'server_port'],
    buckets: callBuckets,
  },
  gateway_operations_total: {
    type: 'counter',
    help: 'Operations: root fields of GraphQL requests, and requests to the other endpoints. none: refused before execution, or without an answer at the end of the process',
    labels: ['operation', 'code'],
    series: [
      ...rootFields.flatMap((field) => fieldCodes.map((code) => [field, code])),
      ...requestCodes.map((code) => ['none', code]),
      ...Object.entries(faceCodes).flatMap(([face, codes]) => codes.map((code) => [face, code])),
    ],
    derived: { labels: ['outcome'], of: ([, code = '']) => ({ outcome: outcomeOf(code) }) },
  },
  gateway_operation_duration_seconds: {
    type: 'histogram',
    help: 'Time from the last byte of the request to the answer, by kind of request',
    labels: ['kind'],
    series: each(operationKinds),
    buckets: operationBuckets,
  },
  gateway_requests_waiting: {
    type: 'gauge',
    help: 'Requests that wait for a turn of the event loop',
  },
  gateway_token_lookups_total: {
    type: 'counter',
    help: 'Questions about access tokens, by the tier that answered and by its answer. Each counts once, at its end',
    labels: ['tier', 'outcome'],
    series: lookUps,
  },
  gateway_rechecks_total: {
    type: 'counter',
    help: 'Re-checks of aging records in the background, by their answer. A check that a request waits for counts as a look-up instead',
    labels: ['outcome'],
    series: each(['valid', 'refused', 'unanswered']),
  },
  gateway_records: {
    type: 'gauge',
    help: 'Entries in memory by kind: access token records, refusals, origins of tokens without a record. Expired ones count until they are looked up or make room for others',
    labels: ['kind'],
    series: each(['record', 'refusal', 'origin']),
  },
  gateway_records_max: {
    type: 'gauge',
    help: 'CACHE_MAX_TOKENS: access token records that memory can hold',
  },
  gateway_record_bytes: {
    type: 'gauge',
    help: 'Bytes of the access token records in memory, without their keys and the table that holds them',
  },
  gateway_tombstones: {
    type: 'gauge',
    help: 'Tombstones by kind. stranger: of tokens that this process has never seen LINE accept. Expired ones count until they are looked up or make room for others',
    labels: ['kind'],
    series: each(['token', 'session', 'user', 'stranger']),
  },
  gateway_sources: {
    type: 'gauge',
    help: 'Client networks that have sent unknown credentials, by state. limited: the bucket is empty. An IPv6 client counts twice: /64 and /56',
    labels: ['state'],
    series: each(['limited', 'other']),
  },
  gateway_attempts_waiting: {
    type: 'gauge',
    help: 'Unknown credentials that wait because of the limit of their client network',
  },
  gateway_unconfirmed_revocations: {
    type: 'gauge',
    help: 'Revocations that LINE has not confirmed yet. The gateway sends them again',
  },
  gateway_unconfirmed_given_up_total: {
    type: 'counter',
    help: 'Revocations that were given up before LINE confirmed them. full: too many were waiting; expired: the tokens have expired; end: the process ended',
    labels: ['reason'],
    series: each(['full', 'expired', 'end']),
  },
  gateway_line_calls_total: {
    type: 'counter',
    help: 'Calls to the LINE Platform by endpoint, outcome and LINE’s error word',
    labels: ['endpoint', 'outcome', 'error'],
    series: lineEndpoints.flatMap((endpoint) => lineCallEnds.map((end) => [endpoint, ...end])),
  },
  gateway_line_call_duration_seconds: {
    type: 'histogram',
    help: 'Duration of calls to the LINE Platform, with the wait for a free place',
    labels: ['endpoint'],
    series: each(lineEndpoints),
    buckets: callBuckets,
  },
  gateway_line_calls_not_sent_total: {
    type: 'counter',
    help: 'Calls that were never sent to LINE, because our own queue was full or the wait too long',
    labels: ['endpoint'],
    series: each(lineEndpoints),
  },
  gateway_line_calls_in_flight: {
    type: 'gauge',
    help: 'Calls to LINE in flight by lane',
    labels: ['lane'],
    series: each(lanes),
  },
  gateway_line_calls_waiting: {
    type: 'gauge',
    help: 'Calls to LINE that wait for a free place, by lane',
    labels: ['lane'],
    series: each(lanes),
  },
  gateway_line_breaker_state: {
    type: 'gauge',
    help: '1 for the current state of the circuit breaker of each endpoint of LINE. Over several processes: how many are in this state',
    labels: ['endpoint', 'state'],
    series: pairs(lineEndpoints, breakerStates),
  },
  gateway_line_breaker_opened_total: {
    type: 'counter',
    help: 'Times that a circuit breaker opened. failures: ten in a row, or a probe failed; limit: LINE answered 429, here or to another process',
    labels: ['endpoint', 'cause'],
    series: pairs(lineEndpoints, ['failures', 'limit']),
  },
  gateway_redis_up: {
    type: 'gauge',
    help: '1 while Redis answers look-ups. 0 after one that it did not answer, until it answers again',
    overWorkers: 'min',
    needs: 'REDIS_URL',
  },
  gateway_redis_commands_total: {
    type: 'counter',
    help: 'Commands to Redis by outcome, without those that read the stream',
    labels: ['outcome'],
    series: each(redisOutcomes),
  },
  gateway_redis_command_duration_seconds: {
    type: 'histogram',
    help: 'Duration of commands to Redis that were answered',
    labels: ['connection'],
    series: each(commandConnections),
    buckets: redisBuckets,
  },
  gateway_shared_lookups_total: {
    type: 'counter',
    help: 'Look-ups of access tokens in Redis by outcome: found, or why it was a miss',
    labels: ['outcome'],
    series: each(sharedLookUps),
  },
  gateway_shared_unopened_total: {
    type: 'counter',
    help: 'Entries in Redis that could not be opened, by the letter at the end of their key',
    labels: ['kind'],
    series: each(entrySuffixes),
  },
  gateway_shared_lag_seconds: {
    type: 'gauge',
    help: 'Time until an event of this process comes back through Redis: that of the last event, or the age of the oldest one that has not come back',
    overWorkers: 'max',
    needs: 'REDIS_URL',
  },
  gateway_shared_round_age_seconds: {
    type: 'gauge',
    help: 'Time since this process last read the shared stream with success',
    overWorkers: 'max',
    needs: 'REDIS_URL',
  },
  gateway_shared_gaps_total: {
    type: 'counter',
    help: 'Times that entries of the shared stream were lost. Each process counts each loss once',
  },
  gateway_shared_unwritten: {
    type: 'gauge',
    help: 'Events of this process that are not written to Redis yet',
    needs: 'REDIS_URL',
  },
  gateway_api_tokens_total: {
    type: 'counter',
    help: 'Signed tokens given out. minted: signed for this answer; reused: signed for an earlier answer',
    labels: ['source'],
    series: each(['minted', 'reused']),
  },
  gateway_signing_keys: {
    type: 'gauge',
    help: 'Keys of SIGNING_KEYS_FILE by state. published: can be fetched, but does not sign; retired: its time is over',
    labels: ['state'],
    series: each(['published', 'signing', 'retired']),
    overWorkers: 'max',
    needs: 'SIGNING_KEYS_FILE',
  },
  gateway_signing_key_age_seconds: {
    type: 'gauge',
    help: 'Time since the key that signs began to sign. 0: the file does not say when, or no key signs',
    overWorkers: 'max',
    needs: 'SIGNING_KEYS_FILE',
  },
  gateway_signing_key_left_seconds: {
    type: 'gauge',
    help: 'Time until no key signs any more. Keys that follow without a gap are included. +Inf: no end is planned. 0: no key signs now',
    overWorkers: 'min',
    needs: 'SIGNING_KEYS_FILE',
  },
  gateway_misconfigured_total: {
    type: 'counter',
    help: 'Times that a setting was found to be wrong, by setting',
    labels: ['setting'],
    series: each(blamedSettings),
  },
  gateway_unexpected_errors_total: {
    type: 'counter',
    help: 'Unexpected errors: bugs',
  },
  gateway_log_lines_dropped_total: {
    type: 'counter',
    help: 'Log lines that could not be written',
  },
  gateway_log_lines_left_out_total: {
    type: 'counter',
    help: 'Log lines that were left out in a flood of similar ones',
  },
  gateway_draining: {
    type: 'gauge',
    help: '1 from SIGTERM on. Over several processes: how many of them drain',
  },
  gateway_workers: {
    type: 'gauge',
    help: 'Worker processes',
    needs: 'WORKERS',
  },
  gateway_workers_silent: {
    type: 'gauge',
    help: 'Workers that do not answer. Their last metrics are used',
    needs: 'WORKERS',
  },
  gateway_workers_ended_total: {
    type: 'counter',
    help: 'Workers that ended without being asked to, by signal or exit code',
    labels: ['how'],
    series: each(workerEnds),
  },
  gateway_build_info: {
    type: 'gauge',
    help: 'Version of the gateway and of Node, always 1',
    labels: ['version', 'node'],
    overWorkers: 'max',
  },
} satisfies Readonly<Record<string, MetricRow>>

export type MetricName = keyof typeof metricTable
type NameOf<Type extends MetricRow['type']> = {
  [Name in MetricName]: (typeof metricTable)[Name]['type'] extends Type ? Name : never
}[MetricName]
export type CounterName = NameOf<'counter'>
export type GaugeName = NameOf<'gauge'>
export type HistogramName = NameOf<'histogram'>

/** The values of the labels of a metric, in their order, as far as the types know them. Others do not compile. */
export type LabelValues<Name extends MetricName> = (typeof metricTable)[Name] extends {
  readonly series: readonly (infer Values extends readonly string[])[]
}
  ? Values
  : (typeof metricTable)[Name] extends { readonly labels: unknown }
    ? readonly string[]
    : readonly []
