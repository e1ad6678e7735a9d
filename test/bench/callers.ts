import { Client } from 'undici'
import { bodyOf, type Operation } from './operations.ts'

/** One caller on a connection of its own, who looks at every answer and at the clock. */
export type Caller = {
  /** Milliseconds until the answer. */
  ask(operation: Operation, token: string): Promise<number>
  close(): Promise<void>
}

/** `from` is a loopback address: to the gateway, each of them is another source. */
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
    if (errors !== undefined || !answered) throw new Error(`A wrong answer to ${operation.name}: ${text.slice(0, 300)}`)
    return ms
  }
}
