import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Verified } from '../tokens/credentials.ts'
import type { SigningKeys } from './signing-keys.ts'

/** A JWT that the services of the team verify by themselves (RFC 9068). */
export type ApiToken = {
  readonly token: string
  readonly audience: string
  /** Space-separated, as in the claim. */
  readonly scope: string
  /** The wall clock, epoch ms; whole seconds, as in the claim `exp`. */
  readonly expiresAt: number
}

/** A verified credential of a user who is known: a signed token always names its user. */
export type VerifiedUser = Verified & { readonly userId: string }

export type ApiTokens = {
  /** `iss` of all that we sign, as PUBLIC_URL has it. */
  issuer(): string
  /** The first of API_AUDIENCES. */
  defaultAudience(): string
  /** The wanted audience if it is in API_AUDIENCES, else `undefined`. Without a wanted one, the default. */
  audienceOf(wanted: string | undefined): string | undefined
  /**
   * The token of a credential for one audience. At once if there is one whose life is at least half left. `scopes`: fewer than the
   * credential has. Throws or rejects with `Misconfigured` if no key signs.
   */
  tokenFor(verified: VerifiedUser, audience: string, scopes?: readonly string[]): ApiToken | Promise<ApiToken>
}

export type ApiTokensOptions = {
  readonly signingKeys: Pick<SigningKeys, 'sign' | 'isServed'>
  readonly issuer: () => string
  /** API_AUDIENCES. Empty: the issuer. */
  readonly audiences: readonly string[]
  readonly lifeMs: number
  readonly type: string
  /** The wall clock, epoch ms, because verifiers compare its times. */
  readonly wall: () => number
  /** Whether the user has left the service since that time of the wall clock. */
  readonly leftSince: (channelId: string, userId: string, wallTime: number) => boolean
  /** Called for each token that is given out. `reused`: it was not signed for this call. */
  readonly givenOut: (source: 'minted' | 'reused') => void
}

type Minted = ApiToken & {
  readonly issuedAt: number
  /** Of the key that signed it, as `thumbprint`. */
  readonly kid: string
  readonly thumbprint: string
}

type Mint = { readonly begunAt: number; readonly minted: Promise<Minted> }

const mostTokens = 10_000
/** A token that ends sooner would end on its way to the verifier. */
const leastLifeMs = 2_000

/**
 * Signing costs much more than a look-up, so a token is used again while more than half of its life is left. Verifiers'
 * clocks differ, so it is not used until its end.
 */
export function createApiTokens(options: ApiTokensOptions): ApiTokens {
  const { signingKeys, issuer, audiences, lifeMs, type, wall, leftSince, givenOut } = options
  const tokens = new LRUCache<string, Minted>({ max: mostTokens })
  const underWay = new Map<string, Mint>()

  return { issuer, defaultAudience, audienceOf, tokenFor }

  function defaultAudience(): string {
    return audiences[0] ?? issuer()
  }

  function audienceOf(wanted: string | undefined): string | undefined {
    if (wanted === undefined) return defaultAudience()
    const isListed = audiences.length === 0 ? wanted === issuer() : audiences.includes(wanted)
    return isListed ? wanted : undefined
  }

  function tokenFor(
    verified: VerifiedUser,
    audience: string,
    scopes?: readonly string[],
  ): ApiToken | Promise<ApiToken> {
    const scope = scopeOf(verified, scopes)
    const key = `${verified.key} ${audience} ${scope}`
    const known = tokens.get(key)
    if (known !== undefined && isUsable(known, verified)) {
      givenOut('reused')
      return known
    }
    const mint = underWay.get(key)
    if (mint !== undefined && !hasLeft(verified, mint.begunAt)) return counted('reused', mint.minted)
    return counted('minted', start(key, verified, audience, scope))
  }

  function counted(source: 'minted' | 'reused', token: Promise<ApiToken>): Promise<ApiToken> {
    token.then(
      () => givenOut(source),
      () => {},
    )
    return token
  }

  function isUsable(token: Minted, verified: VerifiedUser): boolean {
    const left = token.expiresAt - wall()
    const life = token.expiresAt - token.issuedAt
    // After a step back of the wall clock, more than the whole life seems to be left.
    const isYoung = left * 2 > life && left <= life && token.expiresAt <= verified.expiresAt
    return isYoung && signingKeys.isServed(token) && !hasLeft(verified, token.issuedAt)
  }

  /** The user may have logged in again, or LINE may still accept the credential: a token from before is dead all the same. */
  function hasLeft({ channelId, userId }: VerifiedUser, since: number): boolean {
    return leftSince(channelId, userId, since)
  }

  function start(key: string, verified: VerifiedUser, audience: string, scope: string): Promise<ApiToken> {
    const mint: Mint = {
      begunAt: wall(),
      minted: sign(verified, audience, scope)
        .then((minted) => {
          if (underWay.get(key) === mint) tokens.set(key, minted)
          return minted
        })
        .finally(() => {
          if (underWay.get(key) === mint) underWay.delete(key)
        }),
    }
    underWay.set(key, mint)
    return mint.minted
  }

  async function sign(verified: VerifiedUser, audience: string, scope: string): Promise<Minted> {
    const now = wall()
    const expiresAt = endOf(verified, now)
    const claims = {
      iss: issuer(),
      sub: verified.userId,
      aud: audience,
      exp: expiresAt / 1_000,
      iat: Math.floor(now / 1_000),
      jti: randomUUID(),
      client_id: verified.channelId,
      scope,
    }
    const { jwt, kid, thumbprint } = await signingKeys.sign(claims, type)
    return { token: jwt, audience, scope, expiresAt, issuedAt: now, kid, thumbprint }
  }

  /**
   * A record that must be checked again within two seconds is still good for that long. Otherwise nobody could get a token
   * just then. The end of the credential itself is never passed.
   */
  function endOf({ expiresAt, reliableUntil }: VerifiedUser, now: number): number {
    const end = Math.min(now + lifeMs, expiresAt, Math.max(reliableUntil, now + leastLifeMs + 999))
    return Math.floor(end / 1_000) * 1_000
  }
}

/** In the order of the credential, and never more than it has: each set of scopes has one token. */
function scopeOf({ scopes }: VerifiedUser, wanted: readonly string[] | undefined): string {
  return (wanted === undefined ? scopes : scopes.filter((scope) => wanted.includes(scope))).join(' ')
}
