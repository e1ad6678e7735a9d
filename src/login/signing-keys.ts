import { type JWK, type JWTPayload, SignJWT } from 'jose'
import type { SigningKey } from './signing-key-set.ts'
import { isServedAt, signerAt } from './signing-key-states.ts'

/** The keys that sign our own JWTs. What signs and what is served is computed from the times of the keys at each call. */
export type SigningKeys = {
  /** Whether verifiers can still fetch the key that signed it by its ID. A file can give an old `kid` to a new key, or a new one to an old key. */
  isServed(signed: Pick<SignedJwt, 'kid' | 'thumbprint'>): boolean
  /** The public keys (RFC 7517) with `kid`, `use` and `alg`: those that will sign, that sign, and that have signed tokens still valid. */
  publicKeys(): { readonly keys: readonly JWK[] }
  /** The algorithms of `publicKeys`. */
  algorithms(): readonly string[]
  /**
   * Signs a JWT with the key that signs now, off the event loop. `typ`: the type in its header. Rejects with `Misconfigured` if
   * no key signs: the operator must act.
   */
  sign(claims: JWTPayload, typ: string): Promise<SignedJwt>
}

export type SignedJwt = {
  readonly jwt: string
  readonly kid: string
  /** Of the key (RFC 7638). */
  readonly thumbprint: string
}

export type SigningKeysOptions = {
  /** The keys of the file as it is now. */
  readonly keys: () => readonly SigningKey[]
  /** The wall clock, epoch ms: operators write the times by it. */
  readonly wall: () => number
  /** Tells the operator that no key signs, and returns the error for the caller. */
  readonly noSigner: () => Error
}

export function createSigningKeys({ keys, wall, noSigner }: SigningKeysOptions): SigningKeys {
  return {
    isServed,
    publicKeys: () => ({ keys: served().map(({ publicJwk }) => publicJwk) }),
    algorithms: () => [...new Set(served().map(({ alg }) => alg))],
    sign,
  }

  function isServed({ kid, thumbprint }: Pick<SignedJwt, 'kid' | 'thumbprint'>): boolean {
    const now = wall()
    return keys().some((key) => key.kid === kid && key.thumbprint === thumbprint && isServedAt(key, now))
  }

  function served(): readonly SigningKey[] {
    const now = wall()
    return keys().filter((key) => isServedAt(key, now))
  }

  async function sign(claims: JWTPayload, typ: string): Promise<SignedJwt> {
    const key = signerAt(keys(), wall())
    if (key === undefined) throw noSigner()
    const { alg, kid, thumbprint, privateKey } = key
    const jwt = await new SignJWT(claims).setProtectedHeader({ alg, typ, kid }).sign(privateKey)
    return { jwt, kid, thumbprint }
  }
}
