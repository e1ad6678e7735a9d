import { Client } from 'undici'
import { tokenAt } from '../tokens.ts'
import { FakeLine } from './fake-line.ts'

/**
 * The gateway with `PRELOAD` tokens in memory, loaded through its API. Prints its URL when all are loaded. With `BUILT`, the
 * gateway is that of `dist/`.
 */
const from = process.env.BUILT === undefined ? { folder: 'src', ending: 'ts' } : { folder: 'dist', ending: 'js' }
const moduleAt = (name: string) => import(`../../../${from.folder}/${name}.${from.ending}`)
const { readConfig }: typeof import('../../../src/config.ts') = await moduleAt('config')
const { createGateway }: typeof import('../../../src/gateway.ts') = await moduleAt('gateway')
const gateway = await createGateway(readConfig(process.env), { dispatcher: new FakeLine() })
const count = Number(process.env.PRELOAD)
const batch = 100
const query = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { viewer { displayName } } }'

let next = 0
await Promise.all(Array.from({ length: 4 }, fill))
process.stdout.write(`${JSON.stringify({ url: gateway.url })}\n`)

async function fill(): Promise<void> {
  const client = new Client(gateway.url)
  while (next < count) {
    const tokens = Array.from({ length: Math.min(batch, count - next) }, (_, index) => tokenAt(next + index))
    next += tokens.length
    const body = JSON.stringify({ query, variables: { tokens } })
    const headers = { 'content-type': 'application/json' }
    const response = await client.request({ method: 'POST', path: '/graphql', headers, body })
    const text = await response.body.text()
    if (text.includes('"errors"')) throw new Error(text.slice(0, 300))
  }
  await client.close()
}
