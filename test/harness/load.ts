import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'

/** A refused client tries again after this time. */
const againMs = 20

/**
 * Clients that send the next request when they have an answer, until `stop`. Each has a connection of its own. A failure is any
 * answer but the viewer's name, and a request without an answer. Of each of these refresh tokens, one more client makes a chain:
 * where LINE rotates them, an answer that is lost ends the session.
 */
export function startLoad(url: string, token: string, clients: number, refreshTokens: readonly string[] = []) {
  const failures = new Map<string, number>()
  const watch = watchOwnStalls()
  let [requests, connected, afterStalls, slowestMs, stopped] = [0, 0, 0, 0, false]
  const loops = [...Array(clients).fill(askName), ...refreshTokens.map(refreshFrom)].map(loop)
  return {
    requests: () => requests,
    /** So many clients have had an answer. */
    connected: () => connected,
    failures,
    /** So many requests were lost after a stall of this process. */
    afterStalls: () => afterStalls,
    slowestMs: () => Math.round(slowestMs),
    stop,
  }

  async function loop(ask: (client: Client) => Promise<string>): Promise<void> {
    const client = new Client(url)
    let isConnected = false
    while (!stopped) {
      const start = performance.now()
      const outcome = await ask(client).catch((error: { code?: string }) => String(error.code))
      slowestMs = Math.max(slowestMs, performance.now() - start)
      requests += 1
      if (isLost(outcome) && watch.hasStalled()) afterStalls += 1
      else if (outcome !== 'answered') failures.set(outcome, (failures.get(outcome) ?? 0) + 1)
      if (outcome === 'ECONNREFUSED') await sleep(againMs)
      if (outcome === 'answered' && !isConnected) connected += 1
      isConnected ||= outcome === 'answered'
    }
    await client.destroy()
  }

  async function askName(client: Client): Promise<string> {
    const { status, text } = await post(client, '{"query":"{ viewer { displayName } }"}')
    return text === '{"data":{"viewer":{"displayName":"Sakura Tanaka"}}}' ? 'answered' : String(status)
  }

  function refreshFrom(first: string) {
    let refreshToken = first
    return async (client: Client): Promise<string> => {
      const { status, text } = await post(client, JSON.stringify({ query: refresh, variables: { refreshToken } }))
      const next = /"refreshToken":"([^"]+)"/.exec(text)?.[1]
      refreshToken = next ?? refreshToken
      return next === undefined ? `refresh: ${status}` : 'answered'
    }
  }

  async function post(client: Client, body: string) {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const answer = await client.request({ path: '/graphql', method: 'POST', headers, body })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  async function stop(): Promise<void> {
    stopped = true
    await Promise.all(loops)
    watch.end()
  }
}

const refresh =
  'mutation ($refreshToken: String!) { refreshToken(input: { refreshToken: $refreshToken }) { refreshToken } }'

export const isLost = (outcome: string): boolean => outcome === 'ECONNRESET' || outcome === 'UND_ERR_SOCKET'

/**
 * Watches the event loop of the clients. A stopping server closes a connection after a quiet second. When the clients stood
 * still that long (a long garbage collection does that), they send on connections that are closed already.
 */
function watchOwnStalls(): { hasStalled(): boolean; end(): void } {
  const [everyMs, stallMs, rememberMs] = [20, 300, 3_000]
  let lastTick = performance.now()
  let stalledAt = Number.NEGATIVE_INFINITY
  const timer = setInterval(look, everyMs)
  return { hasStalled, end: () => clearInterval(timer) }

  function look(): void {
    const now = performance.now()
    if (now - lastTick > stallMs) stalledAt = now
    lastTick = now
  }

  function hasStalled(): boolean {
    look()
    return performance.now() - stalledAt < rememberMs
  }
}

/** What nginx logged and why, without the refused connections: it sends those requests to another replica. */
export function causesIn(errors: string): string {
  const lines = errors.split('\n').filter((line) => line !== '' && !line.includes('Connection refused'))
  return `nginx logged:\n${lines.slice(0, 20).join('\n')}`
}
