import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'

export type SigningKey = { kid: string; privateKey: KeyObject; publicKey: KeyObject; x: string; y: string }

/** A key in the answer of `/oauth2/v2.1/certs`. */
export type Jwk = { kty: 'EC'; alg: 'ES256'; use: 'sig'; kid: string; crv: 'P-256'; x: string; y: string }

export type SigningKeys = ReturnType<typeof createSigningKeys>

/** LINE's ES256 keys. An old key stays published, so that its ID tokens can still be verified. */
export function createSigningKeys() {
  let current = createSigningKey()
  const published = new Map([[current.kid, current]])

  return {
    current: () => current,
    find: (kid: string) => published.get(kid),
    rotate,
    jwks: (wideCoordinates: boolean) => ({ keys: [...published.values()].map((key) => toJwk(key, wideCoordinates)) }),
  }

  function rotate(): void {
    current = createSigningKey()
    published.set(current.kid, current)
  }
}

function createSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  return { kid: createHash('sha256').update(`${x}.${y}`).digest('hex'), privateKey, publicKey, x, y }
}

function toJwk(key: SigningKey, wideCoordinates: boolean): Jwk {
  const x = wideCoordinates
    ? Buffer.concat([Buffer.of(0), Buffer.from(key.x, 'base64url')]).toString('base64url')
    : key.x
  return { kty: 'EC', alg: 'ES256', use: 'sig', kid: key.kid, crv: 'P-256', x, y: key.y }
}
