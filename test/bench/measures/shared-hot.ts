import type { Effort } from '../effort.ts'
import type { Section } from '../figures.ts'
import { measure } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { allStarted, stopAll } from '../processes.ts'
import { type RedisServer, withRedis } from '../redis.ts'
import { inRounds, ratioOf } from '../rounds.ts'
import { assertAnswers, type Line, startGateway, withLine } from '../subjects.ts'
import { cpu, detailHead, row } from './shared-cold.ts'

/** What `REDIS_URL` costs a request with a token in memory. */
export async function measureSharedHot(effort: Effort): Promise<readonly Section[]> {
  return withRedis('Shared tier, hot', (redis) => withLine((line) => measureHot(line, redis, effort)))
}

async function measureHot(line: Line, redis: RedisServer, effort: Effort): Promise<Section> {
  const servers = await allStarted({ alone: startGateway(line), shared: startGateway(line, redis.settings) })
  const names = ['alone', 'shared'] as const
  const tokens = { first: 0, count: 1, order: 'same' } as const
  const slice = (name: (typeof names)[number], seconds = effort.sliceSeconds) =>
    measure(servers[name], { body: bodyOf(viewerName), connections: 64, tokens }, seconds)
  try {
    for (const name of names) {
      await assertAnswers(servers[name], viewerName)
      await slice(name, effort.warmUpSeconds)
    }
    const series = await inRounds(effort.fineRounds, names, (name) => slice(name))
    return {
      title: 'Shared tier, hot: `{ viewer { displayName } }` with a token in memory',
      how: 'Two gateways, with `REDIS_URL` and without. 64 connections. The ratio is the speed: the CPU time of one request without Redis divided by the CPU time with it.',
      figures: [
        {
          name: 'with `REDIS_URL` against without',
          value: ratioOf(series.alone, series.shared, cpu),
          unit: '×',
          goal: { atLeast: 0.97 },
        },
      ],
      details: {
        head: detailHead,
        rows: [row('without `REDIS_URL`', series.alone), row('with `REDIS_URL`', series.shared)],
      },
    }
  } finally {
    await stopAll(servers)
  }
}
