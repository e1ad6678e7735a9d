import { Client } from 'undici'
import { bodyOf, type Operation } from './operations.ts'

/** A caller with its own connection. It checks every answer and measures how long it took. */
export type Caller = {
  /** Returns the time until the answer, in ms. */
  ask(operation: Operation, token: string): Promise<number>
  close(): Promise<void>
}

/** `from`: a loopback address. For the gateway, each one is another client address. */
export function createCaller(url: string, from = '127.0.0.1'): Caller {
  const client = new Client(url, { localAddress: from })

  return { ask, close: () => client.close() }

  async function ask(operation: Operation, token: string): Promise<number> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const startedAt = performance.now()
    const { body } = await client.request({ method: 'POST', path: '/graphql', headers, body: bodyOf(operation) })
    const text = await body.text()
    const ms = performance.now() - startedAt
    const { data, errors } = JSON.parse(text) as { data?: Record<string, unknown>; errors?: unknown }
    const answered = data !== undefined && Object.values(data).every((root) => root !== null)
    if (errors !== undefined || !answered) throw new Error(`Wrong answer to ${operation.name}: ${text.slice(0, 300)}`)
    return ms
  }
}
