import type { KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createBearerIdTokens } from '../../src/login/bearer-id-tokens.ts'
import type { Checked } from '../../src/login/id-tokens.ts'
import { allChannels, here, type Layer, liff, START_MS, tokenOf, useLayer } from '../harness/token-layer.ts'

const S = START_MS / 1_000

describe('an ID token that was good', () => {
  const layer = useLayer(allChannels)

  it('is not checked in full again; each of these is asked at each use', async () => {
    const { seen, claimsOf } = counted(layer())
    const idToken = signed(layer())
    const claims = await claimsOf(idToken)
    for (let n = 1; n <= 100; n += 1) expect(claimsOf(idToken)).toBe(claims)
    expect(seen).toEqual({ checks: 1, departures: 100 })
  })

  it('after messages of other processes were missed: checked in full once', async () => {
    const { seen, claimsOf, miss } = counted(layer())
    const idToken = signed(layer())
    await claimsOf(idToken)
    layer().clock.advance(10)
    miss(layer().now())
    layer().clock.advance(10)
    expect(await claimsOf(idToken)).toMatchObject({ aud: liff.id })
    expect(claimsOf(idToken)).not.toBeInstanceOf(Promise)
    expect(seen.checks).toBe(2)
  })

  it('after LINE published the same kid with another key: checked in full', async () => {
    const { seen, claimsOf, replaceKeys } = counted(layer())
    const idToken = signed(layer())
    await claimsOf(idToken)
    replaceKeys()
    await claimsOf(idToken)
    expect(seen.checks).toBe(2)
  })

  it('10,000 later ones: it has made room, and is checked again', async () => {
    const { seen, claimsOf } = counted(layer())
    const first = signed(layer())
    await claimsOf(first)
    const { idToken } = signed(layer(), 1)
    for (let n = 0; n < 10_000; n += 1) await claimsOf({ idToken, key: `key ${n}` })
    await claimsOf(first)
    expect(seen.checks).toBe(10_002)
  })

  it('a bad one is not remembered', async () => {
    const { seen, claimsOf, isKnown } = counted(layer())
    const idToken = signed(layer(), 0, S - 1)
    for (let n = 0; n < 3; n += 1) await expect(claimsOf(idToken)).rejects.toMatchObject({ reason: 'EXPIRED' })
    expect([seen.checks, isKnown(idToken.key)]).toEqual([3, false])
  })
})

function signed({ emulator }: Layer, jti = 0, exp = S + 3_600) {
  const claims = { iss: 'https://access.line.me', sub: 'U1', aud: liff.id, exp, iat: S, jti }
  const idToken = emulator.signIdToken(claims, 'ES256')
  return { idToken, key: tokenOf(idToken).key }
}

/** `checks`: full ones. All good ones have the result of the first: what a check finds is in test/login/id-tokens.test.ts. */
function counted({ idTokens, clock, now }: Layer) {
  const seen = { checks: 0, departures: 0 }
  let missedAt = Number.NEGATIVE_INFINITY
  let checked: Checked | undefined
  let published: KeyObject | undefined
  const bearer = createBearerIdTokens({
    idTokens: {
      verifyBearer: async (idToken, caller) => {
        seen.checks += 1
        checked ??= await idTokens.verifyBearer(idToken, caller)
        published = checked.key
        return checked
      },
    },
    keySet: { has: () => true, keyOf: () => published },
    leftUsers: {
      hasLeft: () => {
        seen.departures += 1
        return false
      },
    },
    missedAt: () => missedAt,
    clock: { now, wall: clock.lineTime },
  })
  return {
    seen,
    claimsOf: (idToken: ReturnType<typeof signed>) => bearer.claimsOf(idToken, here),
    isKnown: bearer.isKnown,
    miss: (at: number) => {
      missedAt = at
    },
    replaceKeys: () => {
      published = undefined
    },
  }
}
