import { z } from 'zod'
import {
  isAnsweredByLine,
  isLineOutage,
  type LineOutage,
  LineRateLimited,
  LineUnavailable,
  Misconfigured,
} from '../line/errors.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { Answer, Invalid } from './token-resolver.ts'

/**
 * What LINE answered and is no record, as bytes for other replicas, which would get the same answer now: a refused access
 * token, and an outage that LINE answered itself.
 */
export type SharedOutcome = Invalid | LineOutage

/**
 * `undefined`: it must not be shared, because it is a record or a failure of this process. `channels`: those that this process
 * has. A token of another channel may belong to a replica with other settings.
 */
export function writeOutcome(outcome: Answer | Error, channels: string): Buffer | undefined {
  const shared = 'verdict' in outcome && outcome.verdict === 'unknown' ? outcome.outage : outcome
  if (isAnsweredByLine(shared)) return writeOutage(shared)
  if (!('verdict' in shared) || shared.verdict !== 'invalid') return undefined
  const { reason, lineRequestId } = shared
  return toBytes({ invalid: reason, lineRequestId, ...(reason === 'WRONG_CHANNEL' && { channels }) })
}

/** `undefined`: it is not for a process with these channels, or a release that we do not know wrote it. */
export function readOutcome(bytes: Buffer, channels: string): SharedOutcome | undefined {
  const read = parse(bytes)
  if (read === undefined || !('invalid' in read)) return read
  const { invalid: reason, channels: ofWriter, ...facts } = read
  return ofWriter === undefined || ofWriter === channels ? { verdict: 'invalid', reason, ...facts } : undefined
}

/** An outage for which `isAnsweredByLine` is true. */
export function writeOutage(outage: LineOutage): Buffer {
  return toBytes(outageText(outage))
}

export function readOutage(bytes: Buffer): LineOutage | undefined {
  const read = parse(bytes)
  return isLineOutage(read) ? read : undefined
}

type Text = z.input<typeof outcome>

function outageText(outage: LineOutage): Text {
  const { lineRequestId, message } = outage
  if (outage instanceof Misconfigured) return { code: outage.code, lineRequestId }
  if (outage instanceof LineRateLimited)
    return { code: outage.code, lineRequestId, message, retryAfter: outage.retryAfter }
  const { retryAfter, unusable } = outage
  return { code: outage.code, lineRequestId, message, retryAfter, unusable }
}

function toBytes(text: Text): Buffer {
  return Buffer.from(JSON.stringify(text))
}

function parse(bytes: Buffer): z.output<typeof outcome> | undefined {
  return outcome.safeParse(parseJson(bytes)).data
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

const reasons: Record<TokenRefusal, TokenRefusal> = {
  MALFORMED: 'MALFORMED',
  EXPIRED: 'EXPIRED',
  REVOKED: 'REVOKED',
  WRONG_CHANNEL: 'WRONG_CHANNEL',
  INVALID: 'INVALID',
}
const lineRequestId = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
const message = z.string().min(1).max(200)
/** Seconds. The longest pause is a minute. */
const retryAfter = z.int().min(1).max(60)
const answered = true

const outcome = z.union([
  z.strictObject({ invalid: z.enum(reasons), lineRequestId, channels: z.string().optional() }),
  z
    .strictObject({
      code: z.literal('LINE_UNAVAILABLE'),
      message,
      retryAfter: retryAfter.optional(),
      unusable: z.boolean(),
      lineRequestId,
    })
    .transform((facts) => new LineUnavailable(facts.message, { ...facts, answered })),
  z
    .strictObject({ code: z.literal('LINE_RATE_LIMITED'), message, retryAfter, lineRequestId })
    .transform((facts) => new LineRateLimited({ ...facts, answered })),
  z
    .strictObject({ code: z.literal('MISCONFIGURED'), lineRequestId })
    .transform((facts) => new Misconfigured({ ...facts, answered })),
])
