import { execFile } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeProtectedHeader, type JWK } from 'jose'
import { exchange, faceSettings, membersOf } from './faces.ts'
import type { Original } from './forged-tokens.ts'
import { freePort } from './free-port.ts'
import { project } from './programs.ts'
import { liff, ourChannels, type RunningGateway, type StartOptions, startRunningGateway } from './running-gateway.ts'

export type Algorithm = 'RS256' | 'ES256'

/** A gateway with all faces on, which signs. By default its clock starts at the real time. */
export type SigningGateway = RunningGateway & {
  readonly issuer: string
  readonly keyFile: KeyFile
  readonly settings: NodeJS.ProcessEnv
}

/** `close` removes the file too. */
export async function startSigningGateway(
  keyFile: KeyFile,
  more: NodeJS.ProcessEnv = {},
  options: StartOptions = {},
): Promise<SigningGateway> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const signing = { PORT: `${port}`, PUBLIC_URL: issuer, SIGNING_KEYS_FILE: keyFile.path }
  const settings = { ...ourChannels, ...faceSettings, ...signing, ...more }
  const gateway = await startRunningGateway(settings, { startsAt: Date.now(), ...options })
  return { ...gateway, issuer, keyFile, settings, close }

  async function close(): Promise<void> {
    await gateway.close()
    keyFile.remove()
  }
}

/** A token of ours, and the key in the file that has signed it. */
export async function originalOf(gateway: SigningGateway): Promise<Original> {
  const token = await exchanged(gateway, gateway.issue().accessToken)
  const { kid } = decodeProtectedHeader(token)
  const key = gateway.keyFile.keys().find((one) => one.kid === kid)
  if (key === undefined) throw new Error('The key file lacks the key')
  return { token, key }
}

/** `audience`: default the first one. */
export async function apiToken(gateway: SigningGateway, token: string, audience?: string): Promise<string> {
  const query = 'query ($audience: String) { viewer { apiToken(audience: $audience) { token } } }'
  const { data, text } = await gateway.ask(query, { token, variables: { audience } })
  const viewer = data?.viewer as { readonly apiToken?: { readonly token: string } } | null | undefined
  if (!viewer?.apiToken) throw new Error(text)
  return viewer.apiToken.token
}

export async function exchanged(gateway: SigningGateway, credential: string): Promise<string> {
  const reply = await exchange(gateway, credential)
  if (reply.status !== 200) throw new Error(reply.text)
  return String(membersOf(reply).access_token)
}

export function idToken(gateway: SigningGateway): string {
  return gateway.issue({ channelId: liff.id }).idToken ?? ''
}

/** A file of private keys, in a folder of its own. */
export type KeyFile = {
  readonly path: string
  /** `npm run keys rotate FILE`. */
  rotate(): Promise<void>
  keys(): readonly (JWK & Readonly<Record<string, unknown>>)[]
  write(keys: readonly object[]): void
  remove(): void
}

/** `npm run keys new FILE`. */
export async function createKeyFile(algorithm: Algorithm): Promise<KeyFile> {
  const file = emptyKeyFile()
  await runKeys('new', file.path, '--alg', algorithm)
  return file
}

/** A file whose key has no times, so that it has always signed. */
export function createTimelessKeyFile(algorithm: Algorithm = 'ES256'): KeyFile {
  const file = emptyKeyFile()
  file.write([privateKeyFor(algorithm).export({ format: 'jwk' })])
  return file
}

function emptyKeyFile(): KeyFile {
  const folder = mkdtempSync(join(tmpdir(), 'signing-keys-'))
  const path = join(folder, 'keys.json')
  return {
    path,
    rotate: () => runKeys('rotate', path),
    keys: () => JSON.parse(readFileSync(path, 'utf8')).keys,
    write: (keys) => writeFileSync(path, JSON.stringify({ keys }), { mode: 0o600 }),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

function privateKeyFor(algorithm: Algorithm): KeyObject {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

async function runKeys(...words: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, ['src/keys.ts', ...words], { cwd: project })
}
