import type { Verified } from '../tokens/credentials.ts'

/** A JWT that the services of the team verify by themselves (RFC 9068). */
export type ApiToken = {
  readonly token: string
  readonly audience: string
  /** Space-separated, as in the claim. */
  readonly scope: string
  /** The wall clock, epoch ms; whole seconds, as in the claim `exp`. */
  readonly expiresAt: number
}

/** `userId`: such a token always names its user. */
export type Named = Verified & { readonly userId: string }

export type ApiTokens = {
  /** `iss` of all that we sign, as PUBLIC_URL has it. */
  issuer(): string
  /** The audience to use: the wanted one if it is in API_AUDIENCES, else `undefined`. Without a wanted one, the first. */
  audienceOf(wanted: string | undefined): string | undefined
  /**
   * The token of a credential for one audience. At once if there is one whose life is at least half left. `scopes`: fewer than the
   * credential has. Throws or rejects with `Misconfigured` if no key signs.
   */
  tokenFor(verified: Named, audience: string, scopes?: readonly string[]): ApiToken | Promise<ApiToken>
}
