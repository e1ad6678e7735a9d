import type { ErrorFields } from './error-fields.ts'
import { type LogRow, number, object, optional, personal, text, texts, type ValuesOf } from './log-row.ts'
import type { BlamedSetting } from './metric-labels.ts'

const setting = text<BlamedSetting>('the setting. In an error line: the one to correct')
const ms = number('how long it took, in ms')
const connection = text('which connection to Redis: `look-ups`, `patient` or `stream`')
const state = text('`open`: no call goes, `half_open`: one call tries, `closed`: all calls go')

/** `status`, `lineRequestId`, `error` and `description` are LINE's. */
const lineCall = {
  endpoint: text('the endpoint of LINE, in our words'),
  method: text('`GET` or `POST`'),
  status: optional(number('the HTTP status of LINE, if it answered')),
  lineRequestId: optional(text("LINE's `x-line-request-id`")),
  outcome: text('`answered`, `refused`, `limited`, `failed`, `no_answer`, `unreadable` or `not_sent`'),
  failure: optional(text('why there is no usable answer, in our words')),
  error: optional(text("LINE's error word, from a fixed list, else `other`")),
  description: optional(text("LINE's text about it, or `(withheld)` if it may hold a secret")),
  ms,
}

const operation = {
  kind: text('`query`, `mutation`, `none` (no operation was read), or the endpoint that is not GraphQL'),
  fields: text('the root fields, with a space between two. Empty for other endpoints'),
  code: text('`OK`, or the code of the first error'),
  status: number('the HTTP status of our answer'),
  ms,
  requestId: text('the `x-request-id` of our answer'),
  lineRequestId: optional(text("LINE's `x-line-request-id`, if the first error is an answer of LINE")),
  lineError: optional(
    text(
      "LINE's error word in that answer, from a fixed list. Absent if another process got the answer: its lines with this `lineRequestId` have the word",
    ),
  ),
  traceId: optional(text('the trace, as 32 hexadecimal digits, if there is one')),
}

const unexpected = {
  where: text('the field or place. `process`: nobody caught it, and the process ends'),
  error: text('the type of the error'),
  message: optional(text('the message of the error. All that could be a secret is redacted')),
  stack: optional(text('the stack trace of the error')),
  cause: optional(object<ErrorFields>('the error behind it, with `error`, `message`, `stack` and `cause`')),
}

/** Every line that the gateway can write, with all its fields. `level`, `time` and `msg` are added to each. */
export const logTable = {
  listening: {
    level: 'info',
    message: 'listening',
    when: 'at the end of a start, once for all workers',
    fields: {
      version: text('the version of the gateway'),
      url: text('the address it listens on'),
      metricsUrl: optional(text('the address of the metrics, with METRICS_PORT')),
      workers: optional(number('worker processes, if there are several')),
      traces: optional(text('`on`, if an SDK for traces was found')),
      settings: texts('the names of the settings that differ from their defaults, sorted. Never a value'),
    },
    isAlwaysWritten: true,
  },
  draining: {
    level: 'info',
    message: 'draining',
    when: 'at SIGTERM or SIGINT',
    fields: {},
    isAlwaysWritten: true,
  },
  closed: {
    level: 'info',
    message: 'closed',
    when: 'at the end of the drain, last',
    fields: {},
    isAlwaysWritten: true,
  },
  settingWarning: {
    level: 'warn',
    message: '{warning}',
    when: 'at a start, for each warning about a setting. It begins with the name of the setting, and has no value',
    fields: {},
    isAlwaysWritten: true,
  },
  proxyInUse: {
    level: 'info',
    message: '{setting}: calls to LINE go through this proxy, unless NO_PROXY contains the host of LINE',
    when: 'at a start with a proxy for LINE',
    fields: {},
    isAlwaysWritten: true,
  },
  workerEnded: {
    level: 'error',
    message: 'a worker ended: another one starts after the pause',
    when: 'a worker ended without being asked to',
    fields: {
      pid: optional(number('the process ID of the worker, if there was a process')),
      how: text('the signal, `exit` and the code, or `not started`'),
      failures: number('how many times in a row a worker ended soon after its start'),
      pauseMs: number('the pause before the next start, in ms'),
    },
    isAlwaysWritten: true,
  },
  linesDropped: {
    level: 'warn',
    message: 'log lines were dropped: their reader was slow or gone',
    when: 'lines can be written again',
    fields: { lines: number('lines that were dropped') },
    isAlwaysWritten: true,
  },
  operation: {
    level: 'debug',
    message: 'operation',
    when: 'an operation succeeded, in a second or less',
    fields: operation,
  },
  operationSlow: {
    level: 'info',
    message: 'slow operation',
    when: 'an operation succeeded, and took more than a second',
    fields: operation,
  },
  operationFailed: {
    level: 'info',
    message: 'operation failed',
    when: 'an operation has an error, or a request was refused',
    fields: { ...operation, network: personal(text('the network of the client, as its limit counts it')) },
  },
  lineAnswered: { level: 'debug', message: 'called LINE', when: 'LINE gave a good answer', fields: lineCall },
  lineRefused: {
    level: 'info',
    message: 'call to LINE refused',
    when: 'LINE refused the credential or the request',
    fields: lineCall,
  },
  lineLimited: { level: 'warn', message: 'call to LINE limited', when: 'LINE answered 429', fields: lineCall },
  lineFailed: { level: 'warn', message: 'call to LINE failed', when: 'LINE answered 5xx', fields: lineCall },
  lineNoAnswer: {
    level: 'warn',
    message: 'call to LINE without an answer',
    when: 'a time limit, a broken connection or a broken answer',
    fields: lineCall,
  },
  lineUnreadable: {
    level: 'warn',
    message: 'call to LINE with an unreadable answer',
    when: 'LINE does not document this answer',
    fields: lineCall,
  },
  lineNotSent: {
    level: 'warn',
    message: 'call to LINE not sent, because of our own queue',
    when: 'our queue had no place or no time for the call',
    fields: lineCall,
  },
  lineRefusesSettings: {
    level: 'error',
    message: '{setting}: LINE refuses the settings of this channel',
    when: 'LINE does not accept the channel or its secret',
    fields: { ...lineCall, setting, channelId: optional(text('the channel')) },
  },
  breaker: {
    level: 'info',
    message: 'circuit breaker',
    when: 'calls to an endpoint of LINE may go on',
    fields: {
      endpoint: lineCall.endpoint,
      state: state,
    },
  },
  breakerOpen: {
    level: 'warn',
    message: 'circuit breaker',
    when: 'calls to an endpoint of LINE stop for a time',
    fields: {
      endpoint: lineCall.endpoint,
      state: state,
      cause: text('`failures` in a row, or `limit`: LINE answered 429'),
      seconds: number('until the next call may try, in seconds'),
    },
  },
  noChannelSecret: {
    level: 'error',
    message: '{setting}: the channel has no secret, and deauthorize needs it',
    when: 'a caller used `deauthorize`',
    fields: { setting, channelId: text('the channel') },
  },
  noKeyFile: {
    level: 'error',
    message: '{setting}: is not set, and apiToken needs it',
    when: 'a caller asked for a signed token',
    fields: { setting },
  },
  noKeySigns: {
    level: 'error',
    message: '{setting}: no key signs now: add a key to the file',
    when: 'a caller asked for a signed token',
    fields: { setting },
  },
  keyFileTaken: {
    level: 'info',
    message: '{setting}: has changed, and its keys are in use',
    when: 'the file of SIGNING_KEYS_FILE has changed',
    fields: { setting },
  },
  keyFileRefused: {
    level: 'error',
    message: '{setting}: has changed and cannot be used: the old keys stay in use',
    when: 'the file of SIGNING_KEYS_FILE has changed. Again every ten minutes, until it can be used',
    fields: { setting, problems: texts('what is wrong with the file. Never a value') },
  },
  redisAway: {
    level: 'warn',
    message: 'Redis is away',
    when: 'a connection to Redis is lost or paused',
    fields: { connection, cause: text('why, in our words or as an error code') },
  },
  redisBack: {
    level: 'info',
    message: 'Redis is back',
    when: 'the connection works again',
    fields: { connection, awayMs: number('how long it was away, in ms') },
  },
  redisRefuses: {
    level: 'error',
    message: '{setting}: Redis refuses a command or the connection',
    when: 'a wrong password, or no permission: waiting does not help',
    fields: { setting, connection, error: text("Redis' error word, or the system's") },
  },
  entryUnopened: {
    level: 'error',
    message:
      '{setting}: an entry in Redis cannot be opened: all processes need the same secrets and the same LINE_API_URL',
    when: 'an entry was written with another secret. One line in ten minutes at most',
    fields: { setting, kind: text('the letter at the end of its key: metrics.md has the meanings') },
  },
  streamLost: {
    level: 'warn',
    message: 'entries of the shared stream were lost: all records are checked again',
    when: 'this process may have missed logouts that other processes wrote there',
    fields: {},
  },
  revocationsGivenUp: {
    level: 'warn',
    message: 'revocations that LINE has not confirmed were given up',
    when: 'LINE did not confirm them in time, or not before the process ended',
    fields: { count: number('revocations'), why: text('the reason, in our words') },
  },
  unlistedProxy: {
    level: 'warn',
    message: 'X-Forwarded-For is ignored: TRUSTED_PROXIES does not contain {address}, which sent it',
    messageWithoutNetwork: 'X-Forwarded-For is ignored: TRUSTED_PROXIES does not contain the address that sent it',
    when: 'the first such request, once in each process',
    fields: {},
  },
  silentProxy: {
    level: 'warn',
    message:
      'FORWARD_AUTH: the proxy {address} sends no client address in X-Forwarded-For. All clients of such proxies together get one share of the calls to LINE',
    messageWithoutNetwork:
      'FORWARD_AUTH: a proxy in TRUSTED_PROXIES sends no client address in X-Forwarded-For. All clients of such proxies together get one share of the calls to LINE',
    when: 'the first such request, once in each process',
    fields: {},
  },
  unexpected: {
    level: 'error',
    message: 'unexpected error',
    when: 'a bug. Please report it',
    fields: { requestId: optional(text('the `x-request-id` of our answer')), ...unexpected },
  },
  uncaught: {
    level: 'fatal',
    message: 'unexpected error',
    when: 'a bug that ends the process, with exit code 1. Please report it',
    fields: unexpected,
    isAlwaysWritten: true,
  },
} as const satisfies Readonly<Record<string, LogRow>>

export type LogName = keyof typeof logTable
/** What the line of this name needs. */
export type LogValues<Name extends LogName> = ValuesOf<(typeof logTable)[Name]>
