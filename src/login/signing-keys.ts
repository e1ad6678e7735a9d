import type { JWK, JWTPayload } from 'jose'

/** The keys that sign our own JWTs. What signs and what is served is computed from the times of the keys at each call. */
export type SigningKeys = {
  /** The ID of the key that signs now. `undefined`: none does, and the operator must act. */
  signingKid(): string | undefined
  /** Whether verifiers can still fetch the public key of this ID. */
  isServed(kid: string): boolean
  /** The public keys (RFC 7517) with `kid`, `use` and `alg`: those that will sign, that sign, and that have signed tokens still valid. */
  publicKeys(): { readonly keys: readonly JWK[] }
  /** The algorithms of `publicKeys`. */
  algorithms(): readonly string[]
  /**
   * Signs a JWT with the key of `signingKid`, off the event loop. `typ`: the type in its header. Rejects with
   * `Misconfigured` if no key signs.
   */
  sign(claims: JWTPayload, typ: string): Promise<{ readonly jwt: string; readonly kid: string }>
}
