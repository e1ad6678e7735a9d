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

/** 500 callers at once, with tokens that are not in the cache. */
export async function measureHerd(_: Effort): Promise<readonly Section[]> {
  await installPeers()
  const line = await startLine()
  try {
    const one = await sendHerd(line, () => startGateway(line), 1)
    const fifty = await sendHerd(line, () => startGateway(line, { CACHE_MAX_TOKENS: '10' }), 50)
    const naive = await sendHerd(line, () => startPeer('naive', line), 1)
    return [
      {
        title: `Herd: ${callers} callers at once with cold tokens, if LINE takes ${upstreamMs} ms`,
        how: 'The calls that LINE received: verifications or profiles, the larger number. The second table has both numbers and the time until all callers had an answer.',
        figures: [
          { name: 'calls for one token', value: callsOf(one), unit: '', goal: { atMost: 1 } },
          { name: 'calls for 50 tokens, `CACHE_MAX_TOKENS=10`', value: callsOf(fifty), unit: '', goal: { atMost: 50 } },
          {
            name: 'for comparison: calls of Apollo Server without a cache for one token',
            value: callsOf(naive),
            unit: '',
          },
        ],
        details: {
          head: ['server', 'tokens', 'verify', 'profile', 'time until all answers'],
          rows: [
            ['this gateway', '1', ...cells(one)],
            ['this gateway, 10 records', '50', ...cells(fifty)],
            ['Apollo Server, no cache', '1', ...cells(naive)],
          ],
        },
      },
    ]
  } finally {
    await line.stop()
  }
}

async function sendHerd(line: Line, start: () => Promise<ServerProcess>, tokens: number): Promise<Outcome> {
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
