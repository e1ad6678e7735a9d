import { Misconfigured } from '../line/errors.ts'
import { type Outage, SourceLimited } from '../tokens/token-resolver.ts'

/** How each face reports that there is no verdict: 429 for a limited client, else 503. Never as a bad credential. */
export type OutageFacts = {
  readonly status: 429 | 503
  /** Seconds. `undefined`: the operator must act first. */
  readonly retryAfter: number | undefined
  readonly code: Outage['code']
  /** The ID of LINE's answer, if it gave one. */
  readonly lineRequestId: string | undefined
}

export function outageFacts(outage: Outage): OutageFacts {
  return {
    status: outage instanceof SourceLimited ? 429 : 503,
    retryAfter: outage instanceof Misconfigured ? undefined : (outage.retryAfter ?? longRetryAfter),
    code: outage.code,
    lineRequestId: outage instanceof SourceLimited ? undefined : outage.lineRequestId,
  }
}

/** Seconds, after an outage of which we do not know when it ends. */
const longRetryAfter = 30
