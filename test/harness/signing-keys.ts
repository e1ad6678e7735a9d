import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { SigningKeys } from '../../src/login/signing-keys.ts'

export type PrivateJwk = Readonly<Record<string, unknown>>

/** A private key as a file has it. Making RSA keys is slow, so tests use ES256 where the algorithm is not the subject. */
export function privateJwk(alg: 'RS256' | 'ES256' = 'ES256', members: object = {}): PrivateJwk {
  const { privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), ...members }
}

export function keySetText(...keys: readonly unknown[]): string {
  return JSON.stringify({ keys })
}

/** Verifies a JWT as a service does that has just fetched the keys. Returns the claims and the header. */
export async function verifyWith(keys: Pick<SigningKeys, 'publicKeys'>, jwt: string, options: JWTVerifyOptions = {}) {
  const set = createLocalJWKSet(structuredClone(keys.publicKeys()) as { keys: [] })
  const { payload, protectedHeader } = await jwtVerify(jwt, set, options)
  return { ...payload, header: protectedHeader }
}
