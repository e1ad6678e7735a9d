import { createPublicKey } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose'

/** A signed token of ours, and the private key that has signed it. */
export type Original = { readonly token: string; readonly key: JWK }

type Parts = { readonly header: Header; readonly claims: JWTPayload; readonly key: JWK }
type Header = { readonly alg: string; readonly kid?: string; readonly typ?: string }

/** Signs the claims of a token again, without a change. Verifiers accept it: so `forgeries` have only the fault in their name. */
export function signedAgain(original: Original): Promise<string> {
  return signed(partsOf(original))
}

/** A token that has one fault. */
export const forgeries: Readonly<Record<string, (original: Original) => Promise<string>>> = {
  'expired for a minute': (original) => {
    const { claims, ...parts } = partsOf(original)
    const exp = Math.floor(Date.now() / 1_000) - 60
    return signed({ ...parts, claims: { ...claims, iat: exp - 300, exp } })
  },
  'for another audience': changed({ aud: 'https://another-api.example' }),
  'of another issuer': changed({ iss: 'https://another-issuer.example' }),
  'by another key with the same ID': async (original) => {
    const { header, claims } = partsOf(original)
    const { privateKey } = await generateKeyPair(header.alg)
    return new SignJWT(claims).setProtectedHeader(header).sign(privateKey)
  },
  'by a key with another ID': async (original) => {
    const { header, claims } = partsOf(original)
    const { privateKey } = await generateKeyPair(header.alg)
    return new SignJWT(claims).setProtectedHeader({ ...header, kid: 'another' }).sign(privateKey)
  },
  'with another user in its claims': async ({ token }) => {
    const [header, , signature] = token.split('.')
    const claims = { ...decodeJwt(token), sub: 'U90817263544536271809f0e1d2c3b4a5' }
    return `${header}.${encoded(claims)}.${signature}`
  },
  'with another signature': async ({ token }) => {
    const [header, claims, signature = ''] = token.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40)
    return `${header}.${claims}.${bytes.toString('base64url')}`
  },
  'without a signature': async (original) => {
    const { header, claims } = partsOf(original)
    return `${encoded({ ...header, alg: 'none' })}.${encoded(claims)}.`
  },
  'by the public key as an HS256 secret': async (original) => {
    const { header, claims, key } = partsOf(original)
    const pem = createPublicKey({ key: { ...key }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    return new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(Buffer.from(pem))
  },
}

function changed(claims: JWTPayload): (original: Original) => Promise<string> {
  return (original) => {
    const parts = partsOf(original)
    return signed({ ...parts, claims: { ...parts.claims, ...claims } })
  }
}

function partsOf({ token, key }: Original): Parts {
  return { header: decodeProtectedHeader(token) as Header, claims: decodeJwt(token), key }
}

async function signed({ header, claims, key }: Parts): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(key, header.alg))
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
