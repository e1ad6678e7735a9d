import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import type { Effort } from '../effort.ts'
import type { Figure, Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { cores, launch, output, type ServerProcess } from '../processes.ts'
import { inRounds, ratioOf, spreadOf } from '../rounds.ts'
import { assertAnswers, type Line, startGateway, withLine } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'
import { cpu, detailHead, row } from './shared-cold.ts'

const algorithms = ['RS256', 'ES256'] as const
type Algorithm = (typeof algorithms)[number]

/** What a service pays for trusting the viewer: a JWT that it verifies itself, or a question for each request. */
export async function measureFaces(effort: Effort): Promise<readonly Section[]> {
  return withLine(async (line) => [await measureJwts(effort), await measureHop(line, effort)])
}

async function measureJwts(effort: Effort): Promise<Section> {
  const rounds = Math.max(effort.rounds, 5)
  const figures: Figure[] = []
  for (const algorithm of algorithms) {
    const { minted, verified } = await timesOf(algorithm, rounds)
    figures.push(
      { name: `${algorithm}: signing a token`, value: spreadOf(minted), unit: 'µs' },
      { name: `${algorithm}: verifying it in the service, with jose`, value: spreadOf(verified), unit: 'µs' },
    )
  }
  return {
    title: 'Signed tokens: what a JWT costs',
    how: 'CPU time of one operation with jose 6, all threads, in a process of its own kind: no network. A gateway signs once for a token and an audience and hands the same JWT out until half of its life is over. A service that verifies it asks nobody.',
    figures,
  }
}

async function timesOf(algorithm: Algorithm, rounds: number) {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwks = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: algorithm }] })
  const claims = { client_id: '1', scope: 'openid profile', jti: crypto.randomUUID() }
  const sign = () =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: 'k' })
      .setIssuer('https://gateway.example')
      .setAudience('https://api.example')
      .setSubject(`U${'0'.repeat(32)}`)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey)
  const jwt = await sign()
  const verify = () => jwtVerify(jwt, jwks, { audience: 'https://api.example', typ: 'at+jwt' })
  const minted: number[] = []
  const verified: number[] = []
  await cpuUsOf(verify, 1_000)
  for (let round = 0; round < rounds; round += 1) {
    minted.push(await cpuUsOf(sign, 400))
    verified.push(await cpuUsOf(verify, 1_000))
  }
  return { minted, verified }
}

async function cpuUsOf(task: () => Promise<unknown>, times: number): Promise<number> {
  const before = process.cpuUsage()
  for (let n = 0; n < times; n += 1) await task()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

/** Servers with the same warm token. */
async function measureHop(line: Line, effort: Effort): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'))
  const keys = join(folder, 'keys.json')
  await output(
    launch({ script: join(import.meta.dirname, '../../../src/keys.ts'), args: ['new', keys], cores: cores.all }),
  )
  const settings = {
    TRUSTED_PROXIES: '127.0.0.1',
    FORWARD_AUTH: 'required',
    PUBLIC_URL: 'https://gateway.example',
    SIGNING_KEYS_FILE: keys,
  }
  const gateway = await startGateway(line, settings)
  const tokens = { first: 0, count: 1, order: 'same' } as const
  const requests = { viewer: { body: bodyOf(viewerName), path: '/graphql' }, forwardAuth: { body: '', path: '/auth' } }
  const names = ['viewer', 'forwardAuth'] as const
  const slice = (name: (typeof names)[number], seconds = effort.sliceSeconds): Promise<Slice> =>
    measure(gateway, { ...requests[name], connections: 64, tokens }, seconds)
  try {
    await assertAnswers(gateway, viewerName)
    await assertForwards(gateway)
    for (const name of names) await slice(name, effort.warmUpSeconds)
    const series = await inRounds(effort.rounds, names, (name) => slice(name))
    return {
      title: 'Forward auth: a question for each request',
      how: 'One gateway with RS256 keys and one known token; 64 connections. Both questions are answered from memory, the JWT too. The ratio is the speed: the CPU time of `{ viewer { displayName } }` divided by that of `GET /auth`.',
      figures: [
        { name: '`GET /auth`, CPU of the gateway', value: spreadOf(series.forwardAuth.map(cpu)), unit: 'µs' },
        { name: '`{ viewer { displayName } }`, the same', value: spreadOf(series.viewer.map(cpu)), unit: 'µs' },
        {
          name: '`GET /auth` against `{ viewer { displayName } }`',
          value: ratioOf(series.viewer, series.forwardAuth, cpu),
          unit: '×',
          goal: { atLeast: 1 },
        },
      ],
      details: { head: detailHead, rows: [row('viewer', series.viewer), row('forward auth', series.forwardAuth)] },
    }
  } finally {
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function assertForwards({ url }: ServerProcess): Promise<void> {
  const { status, headers } = await fetch(`${url}/auth`, { headers: { authorization: `Bearer ${tokenAt(0)}` } })
  if (status !== 200 || !headers.get('authorization')?.startsWith('Bearer ey'))
    throw new Error(`${url}/auth gave a wrong answer: ${status}`)
}
