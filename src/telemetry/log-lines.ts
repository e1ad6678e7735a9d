import type { BreakerChange } from './changes.ts'
import { errorFields } from './error-fields.ts'
import type { CallOutcome, LineCall } from './line-call.ts'
import type { Log } from './log.ts'
import type { EntrySuffix } from './metric-labels.ts'
import type { Operation } from './request-metrics.ts'

/** A successful operation slower than this gets a log line as well. */
const slowMs = 1_000
/** Every entry of a process with another secret is such an entry: one line says it. */
const unopenedEveryMs = 10 * 60_000

/** The lines of events that are counted too. Each logged field is named, so that no other value of a caller or of LINE is logged. */
export function createLogLines({ write, isEnabled }: Log) {
  const writesAll = isEnabled('debug')
  let unopenedAgainAt = 0

  return { lineCall, operation, breaker, sharedUnopened, unexpected, uncaught }

  function lineCall({ setting, channelId, sort, ...facts }: LineCall): void {
    if (facts.outcome === 'answered' && !writesAll) return
    const line = { ...facts, ms: Math.round(facts.ms) }
    const kind = [facts.endpoint, facts.error, facts.failure, channelId, sort].join(' ')
    if (setting === undefined) write(lineNames[facts.outcome], line, kind)
    else write('lineRefusesSettings', { ...line, setting, channelId }, kind)
  }

  /** On the hot path: most operations have no line. */
  function operation(done: Operation): void {
    const failed = done.code !== 'OK'
    if (!failed && done.ms <= slowMs && !writesAll) return
    const line = { ...done, fields: done.fields.join(' '), ms: Math.round(done.ms) }
    // A flood at one endpoint hides no failed login.
    if (failed) write('operationFailed', line, `${done.kind} ${done.code}`)
    else write(done.ms > slowMs ? 'operationSlow' : 'operation', line, done.kind)
  }

  function breaker(endpoint: string, change: BreakerChange): void {
    const { state } = change
    const kind = `${endpoint} ${state}`
    if (state === 'open')
      write('breakerOpen', { endpoint, state, cause: change.cause, seconds: change.forMs / 1_000 }, kind)
    else write('breaker', { endpoint, state }, kind)
  }

  function sharedUnopened(kind: EntrySuffix): void {
    if (performance.now() < unopenedAgainAt) return
    unopenedAgainAt = performance.now() + unopenedEveryMs
    write('entryUnopened', { setting: 'CACHE_SECRET', kind })
  }

  function unexpected(error: unknown, where: string, requestId?: string): void {
    const fields = errorFields(error)
    write('unexpected', { where, requestId, ...fields }, `${where} ${fields.stack?.split('\n')[0]}`)
  }

  function uncaught(error: unknown): void {
    write('uncaught', { where: 'process', ...errorFields(error) })
  }
}

const lineNames = {
  answered: 'lineAnswered',
  refused: 'lineRefused',
  limited: 'lineLimited',
  failed: 'lineFailed',
  no_answer: 'lineNoAnswer',
  unreadable: 'lineUnreadable',
  not_sent: 'lineNotSent',
} as const satisfies Record<CallOutcome, string>
