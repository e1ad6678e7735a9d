import { randomText } from '../random-text.ts'
import type { LoginFacts } from './id-token.ts'
import type { Link } from './user-tokens.ts'

const CODE_TTL_MS = 600_000

/** The login that an authorization code belongs to. */
export type Authorization = LoginFacts & {
  link: Link
  /** Space separated, as granted. */
  scope: string
  redirectUri: string
  /** base64url(SHA-256(verifier)). Undefined without PKCE. */
  codeChallenge: string | undefined
}

export type Codes = ReturnType<typeof createCodes>

/** Authorization codes. A code is valid for 10 minutes and for one exchange. */
export function createCodes(now: () => number) {
  const pending = new Map<string, Authorization & { expiresAt: number }>()

  return { issue, find, consume: (code: string) => pending.delete(code) }

  function issue(authorization: Authorization): string {
    const code = randomText(15)
    pending.set(code, { ...authorization, expiresAt: now() + CODE_TTL_MS })
    return code
  }

  function find(code: string): Authorization | undefined {
    const authorization = pending.get(code)
    return authorization === undefined || authorization.expiresAt <= now() || authorization.link.withdrawn
      ? undefined
      : authorization
  }
}
