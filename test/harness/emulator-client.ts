import { type Dispatcher, request } from 'undici'
import { afterEach, beforeEach } from 'vitest'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/emulator.ts'
import { liff, native, START_MS, web } from './channels.ts'

export { liff, native, START_MS, web } from './channels.ts'

export type Reply = { status: number; headers: Dispatcher.ResponseData['headers']; text: string; body: unknown }

export const credentials = { client_id: web.id, client_secret: web.secret }

/** Starts an emulator for each test, with a fixed clock, and returns functions that call it. */
export function useEmulator(options: EmulatorOptions = {}) {
  let started: Emulator | undefined

  beforeEach(async () => {
    started = await startEmulator({ now: () => START_MS, channels: [web, native, liff], ...options })
  })
  afterEach(() => started?.close())

  return { emulator, get, post, getWithToken, send }

  function emulator(): Emulator {
    if (started === undefined) throw new Error('The emulator runs only during a test')
    return started
  }

  function get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return send(path, { headers })
  }

  /** Sends a form, which is what LINE's endpoints accept. */
  function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Reply> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    return send(path, { method: 'POST', headers: { ...type, ...headers }, body: new URLSearchParams(form).toString() })
  }

  function getWithToken(token: string, path: string): Promise<Reply> {
    return get(path, { authorization: `Bearer ${token}` })
  }

  async function send(
    path: string,
    call: Omit<Dispatcher.RequestOptions, 'path' | 'method'> & { method?: Dispatcher.HttpMethod },
  ): Promise<Reply> {
    const { statusCode, headers, body } = await request(`${emulator().url}${path}`, call)
    const text = await body.text()
    return { status: statusCode, headers, text, body: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
