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
    help: 'Time from the last byte of the request to the answer. A client that leaves before its request is read or run is not counted',
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
    help: 'Operations: root fields of GraphQL requests, and requests to the other endpoints. none: refused before execution, or no answer before the process ends',
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
    help: 'Re-checks of aging records in the background, by their answer. One that a question waits for is a look-up',
    labels: ['outcome'],
    series: each(['valid', 'refused', 'unanswered']),
  },
  gateway_records: {
    type: 'gauge',
    help: 'Entries in memory by kind: access token records, refusals, origins of tokens without a record. Ended ones count until they are looked for or make room',
    labels: ['kind'],
    series: each(['record', 'refusal', 'origin']),
  },
  gateway_records_max: {
    type: 'gauge',
    help: 'CACHE_MAX_TOKENS: access token records that memory can hold',
  },
  gateway_record_bytes: {
    type: 'gauge',
    help: 'Bytes of the access token records in memory, without the table around them and their keys',
  },
  gateway_tombstones: {
    type: 'gauge',
    help: 'Tombstones by kind. stranger: of tokens that LINE has never accepted here. Ended ones count until they are looked for or make room',
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
    help: 'Unknown credentials that wait until their client network may call LINE',
  },
  gateway_unconfirmed_revocations: {
    type: 'gauge',
    help: 'Revocations that LINE has not confirmed: they are tried again',
  },
  gateway_unconfirmed_given_up_total: {
    type: 'counter',
    help: 'Revocations that LINE has never confirmed, by the reason why they ended',
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
    help: 'Calls that our own queue had no place or no time for: LINE has not seen them',
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
    help: '1 for the state of the circuit breaker of each endpoint of LINE; over several processes their number',
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
    help: '1 while Redis answers look-ups, 0 from the first one without an answer until the next one with an answer',
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
    help: 'Time until own events come back through Redis: of the last one, or the age of the oldest one that is not back yet',
    overWorkers: 'max',
    needs: 'REDIS_URL',
  },
  gateway_shared_round_age_seconds: {
    type: 'gauge',
    help: 'Time since the shared stream was read',
    overWorkers: 'max',
    needs: 'REDIS_URL',
  },
  gateway_shared_gaps_total: {
    type: 'counter',
    help: 'Losses of entries of the shared stream: each process counts each loss once',
  },
  gateway_shared_unwritten: {
    type: 'gauge',
    help: 'Events that Redis has not taken',
    needs: 'REDIS_URL',
  },
  gateway_api_tokens_total: {
    type: 'counter',
    help: 'Signed tokens given out. minted: signed for this answer; reused: signed for another one',
    labels: ['source'],
    series: each(['minted', 'reused']),
  },
  gateway_signing_keys: {
    type: 'gauge',
    help: 'Keys of SIGNING_KEYS_FILE by state. published: can be fetched and does not sign; retired: from its end on',
    labels: ['state'],
    series: each(['published', 'signing', 'retired']),
    overWorkers: 'max',
    needs: 'SIGNING_KEYS_FILE',
  },
  gateway_signing_key_age_seconds: {
    type: 'gauge',
    help: 'Time since the key that signs began to sign. 0: the file does not say, or none signs',
    overWorkers: 'max',
    needs: 'SIGNING_KEYS_FILE',
  },
  gateway_signing_key_left_seconds: {
    type: 'gauge',
    help: 'Time until no key signs, with the keys that follow. +Inf: no end is planned. 0: none signs',
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
    help: 'Errors that should not happen',
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
    help: '1 from SIGTERM on; over several processes their number',
  },
  gateway_workers: {
    type: 'gauge',
    help: 'Worker processes',
    needs: 'WORKERS',
  },
  gateway_workers_silent: {
    type: 'gauge',
    help: 'Workers that do not answer: their last metrics are used',
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
