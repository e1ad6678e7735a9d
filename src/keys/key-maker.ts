import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { parseSigningKeys, type SigningAlgorithm } from '../login/signing-key-set.ts'

/** A private key as a file has it (RFC 7517). */
export type FileKey = Readonly<Record<string, unknown>>

/** Its `kid` is its thumbprint (RFC 7638). */
export async function makeKey(alg: SigningAlgorithm): Promise<FileKey & { readonly alg: SigningAlgorithm }> {
  const jwk = await makeJwk(alg)
  const [key] = parseSigningKeys(JSON.stringify({ keys: [jwk] }))
  return { kid: String(key?.kid), use: 'sig', alg, ...jwk }
}

async function makeJwk(alg: SigningAlgorithm) {
  const generate = promisify(generateKeyPair)
  const { privateKey } =
    alg === 'RS256' ? await generate('rsa', { modulusLength: 2048 }) : await generate('ec', { namedCurve: 'P-256' })
  return privateKey.export({ format: 'jwk' })
}

/** How much the clocks of the gateways can be behind that of this machine. */
const skewMs = 300_000

/** For a key that signs at once, on every gateway. `now`: epoch ms. */
export function signsAtOnce(now: number) {
  return { published_at: isoSecond(now - skewMs), signing_at: isoSecond(now - skewMs) }
}

/** A time as the file has it: ISO 8601, in whole seconds. `time`: epoch ms. */
export function isoSecond(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
}
