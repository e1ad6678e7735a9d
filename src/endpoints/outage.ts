import type { HeaderList } from '../http/send.ts'
import { Misconfigured } from '../line/errors.ts'
import { type Outage, SourceLimited } from '../tokens/token-resolver.ts'
import { refusalHeaders } from './faces.ts'

/** How each face reports that there is no verdict: 429 for a limited client, else 503. Never as a bad credential. */
export type OutageFacts = {
  readonly status: 429 | 503
  /** `Retry-After`, unless the operator must act first. */
  readonly headers: HeaderList
  readonly code: Outage['code']
}

export function outageFacts(outage: Outage): OutageFacts {
  const { code, retryAfter = defaultSeconds } = outage
  return {
    status: outage instanceof SourceLimited ? 429 : 503,
    headers: outage instanceof Misconfigured ? [] : refusalHeaders({}, retryAfter),
    code,
  }
}

/** For an answer of LINE that says nothing about when to try again. */
const defaultSeconds = 30
