import { decodeProtectedHeader } from 'jose'
import { exchange, faceSettings } from './faces.ts'
import type { Original } from './forged-tokens.ts'
import { jsonOf } from './forms.ts'
import { freePort } from './free-port.ts'
import type { KeyFile } from './key-file.ts'
import { liff, ourChannels, type RunningGateway, type StartOptions, startRunningGateway } from './running-gateway.ts'

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
  return String(jsonOf(reply).access_token)
}

export function idToken(gateway: SigningGateway): string {
  return gateway.issue({ channelId: liff.id }).idToken ?? ''
}
