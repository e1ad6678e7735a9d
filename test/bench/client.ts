import { Client } from 'undici'

/**
 * The load generator if wrk is not installed. It sends the same requests over the same number of keep-alive
 * connections. Each connection sends its next request after the answer (closed loop).
 */
const [url = '', connections, duration, body = '', tokenPrefix, firstToken, tokenCount, order, path = ''] =
  process.argv.slice(2)
const first = Number(firstToken)
const count = Number(tokenCount)
const latenciesUs: number[] = []
let sent = 0
let failed = 0

const startedAt = performance.now()
const endsAt = startedAt + Number(duration) * 1_000
await Promise.all(Array.from({ length: Number(connections) }, keepAsking))
const seconds = (performance.now() - startedAt) / 1_000

latenciesUs.sort((a, b) => a - b)
const result = { requests: latenciesUs.length, seconds, failed, p50Us: percentile(0.5), p99Us: percentile(0.99) }
process.stdout.write(`RESULT ${JSON.stringify(result)}\n`)

async function keepAsking(): Promise<void> {
  const client = new Client(url)
  while (performance.now() < endsAt) {
    const askedAt = performance.now()
    const headers = {
      ...(body !== '' && {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
      }),
      authorization: `Bearer ${tokenPrefix}${String(nextNumber()).padStart(12, '0')}`,
    }
    const response = await client.request({ method: body === '' ? 'GET' : 'POST', path, headers, body })
    await response.body.dump()
    if (response.statusCode !== 200) failed += 1
    latenciesUs.push((performance.now() - askedAt) * 1_000)
  }
  await client.close()
}

function nextNumber(): number {
  if (order === 'random') return first + Math.floor(Math.random() * count)
  return order === 'new' ? first + sent++ : first
}

function percentile(part: number): number {
  return Math.round(latenciesUs[Math.floor(latenciesUs.length * part)] ?? 0)
}
