import { createCaller } from '../callers.ts'
import type { Effort } from '../effort.ts'
import { type Section, shown } from '../figures.ts'
import { viewerName } from '../operations.ts'
import type { ServerProcess } from '../processes.ts'
import { spreadOf } from '../rounds.ts'
import { installPeers, type Line, startGateway, startLine, startPeer } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'

const callers = 500
const upstreamMs = 20

type Outcome = { readonly verify: number; readonly profile: number; readonly ms: number }

/** Five hundred callers at the same instant, and nobody knows their tokens. */
export async function measureHerd(_: Effort): Promise<readonly Section[]> {
  await installPeers()
  const line = await startLine()
  try {
    const one = await stampede(line, () => startGateway(line), 1)
    const fifty = await stampede(line, () => startGateway(line, { CACHE_MAX_TOKENS: '10' }), 50)
    const naive = await stampede(line, () => startPeer('naive', line), 1)
    return [
      {
        title: `Herd: ${callers} callers at once with cold tokens, LINE taking ${upstreamMs} ms`,
        how: 'Calls that LINE saw of either kind, the larger number; both are below, with the time until all were answered.',
        figures: [
          { name: 'calls for one token', value: callsOf(one), unit: '', goal: { atMost: 1 } },
          { name: 'calls for 50 tokens, `CACHE_MAX_TOKENS=10`', value: callsOf(fifty), unit: '', goal: { atMost: 50 } },
          { name: 'for comparison: calls of the naive server for one token', value: callsOf(naive), unit: '' },
        ],
        details: {
          head: ['server', 'tokens', 'verify', 'profile', 'all answered after'],
          rows: [
            ['this gateway', '1', ...cells(one)],
            ['this gateway, 10 records', '50', ...cells(fifty)],
            ['Apollo Server, naive', '1', ...cells(naive)],
          ],
        },
      },
    ]
  } finally {
    await line.stop()
  }
}

async function stampede(line: Line, start: () => Promise<ServerProcess>, tokens: number): Promise<Outcome> {
  const server = await start()
  const herd = Array.from({ length: callers }, () => createCaller(server.url))
  try {
    await line.control(0)
    await Promise.all(herd.map((caller) => caller.ask({ name: 'connect', query: '{ __typename }' }, tokenAt(0))))
    await line.control(upstreamMs)
    const startedAt = performance.now()
    await Promise.all(herd.map((caller, number) => caller.ask(viewerName, tokenAt(1 + (number % tokens)))))
    const ms = performance.now() - startedAt
    return { ...(await line.control(0)), ms }
  } finally {
    await Promise.all(herd.map((caller) => caller.close()))
    await server.stop()
  }
}

function callsOf({ verify, profile }: Outcome) {
  return spreadOf([Math.max(verify, profile)])
}

function cells({ verify, profile, ms }: Outcome): string[] {
  return [String(verify), String(profile), `${shown(Math.round(ms))} ms`]
}
