import { randomBytes } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { asVersion, type Build, buildAt, buildThisTree } from '../harness/builds.ts'
import { foreign, web } from '../harness/channels.ts'
import { type Asker, exchange, redirectUri, refresh, revoke } from '../harness/forgetting-session.ts'
import { freePort } from '../harness/free-port.ts'
import { type KeyFile, writeKeyFile } from '../harness/key-file.ts'
import { causesIn, startLoad } from '../harness/load.ts'
import { describeWithNginx, makeShippedNginxFolder } from '../harness/nginx.ts'
import { print } from '../harness/print.ts'
import { type Program, startProgram } from '../harness/programs.ts'
import { describeWithRedis, type RedisServer, startRedis } from '../harness/redis.ts'
import { type Ask, type Reply, toReply } from '../harness/running-gateway.ts'
import { timeUntil } from '../harness/time-until.ts'

/**
 * From one version to the next and back, under load: three replicas behind nginx with the shipped configuration, one Redis,
 * one file of signing keys. The versions are this tree twice. With RELEASE_BEFORE, the folder of another version (a clone or
 * an installed package, with its node_modules), the first one is that: then also what this tree writes is read by it.
 */
const before = process.env.RELEASE_BEFORE
const issuer = 'https://gateway.example'
const knownTokens = 20
/** The compiler takes a second or two, and much longer on a busy machine. */
const buildMs = 300_000

type Replica = Asker & { readonly port: number; program: Program; metricsUrl: string; version: string | undefined }

describeWithNginx('an upgrade', (nginx) => {
  describeWithRedis('with Redis', () => {
    const undo: (() => Promise<unknown> | unknown)[] = []
    let [emulator, redis, keys, former, next] = [] as unknown as [Emulator, RedisServer, KeyFile, Build, Build]
    const agent = new Agent()
    const secret = randomBytes(32).toString('hex')

    beforeAll(async () => {
      next = buildThisTree()
      undo.push(next.remove)
      former = before === undefined ? asVersion(`${next.version}-before`, next) : buildAt(before)
      keys = writeKeyFile()
      undo.push(former.remove, keys.remove, () => agent.destroy())
      redis = await startRedis()
      undo.push(redis.close)
      emulator = await startEmulator({ channels: [web, foreign] })
      undo.push(emulator.close)
      // A second use of a refresh token at LINE would be refused.
      emulator.switches.refreshToken = 'rotate'
    }, buildMs)
    afterAll(async () => {
      for (const one of undo.splice(0).reverse()) await one()
    })

    test('to the next version and back, replica by replica: no request is lost, and nothing that was known', async () => {
      const ports = [await freePort(), await freePort(), await freePort()]
      const replicas = await Promise.all(ports.map((port) => start(former, port)))
      const [first, second, third] = replicas as [Replica, Replica, Replica]
      const port = await freePort()
      const folder = makeShippedNginxFolder(port, ports)
      const balancer = startProgram(nginx, folder.command, {})
      undo.push(folder.remove, () => balancer.kill())
      const url = `http://127.0.0.1:${port}`
      await expect
        .poll(() => fetch(`${url}/health`).then(({ status }) => status, String), { timeout: 30_000 })
        .toBe(200)
      const behindNginx = { ask: askAt(url) }
      const codes: (number | null)[] = []
      let timesOfStopped = 0
      const load = startLoad(url, emulator.issueTokens().accessToken, 16)
      const startedAt = performance.now()

      const known = Array.from({ length: knownTokens }, () => emulator.issueTokens().accessToken)
      for (const token of known) expect(await nameOf(behindNginx, token)).toBe('Sakura Tanaka')
      const { nonce } = await ofFirst<{ nonce: string }>(behindNginx, startLogin, { redirectUri })
      const jwt = await apiTokenOf(first, known[0] ?? '')
      const revoked = [await revokeKnown(first, replicas)]

      await replace(first, next)
      await expectSameRefresh(second, first)
      await expectSameRefresh(first, second)
      for (const replica of [first, second]) revoked.push(await revokeKnown(replica, replicas))
      await expectRefused(replicas, revoked)
      await replace(second, next)
      await replace(third, next)
      await expectAllKept()
      await expectNonce(nonce)
      revoked.push(await revokeKnown(third, replicas))
      const jwtOfNext = await apiTokenOf(second, known[0] ?? '')

      for (const replica of replicas) await replace(replica, former)
      await expectAllKept()
      await expectJwt(jwtOfNext, first)
      expect(decodeProtectedHeader(jwtOfNext).kid).toBe(decodeProtectedHeader(jwt).kid)

      await load.stop()
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
      await Promise.all(replicas.map(stop))
      print(
        `from ${former.version} to ${next.version} and back: ${load.requests()} requests through nginx, ${codes.length} stops, ` +
          `${seconds} s, failed: ${JSON.stringify(Object.fromEntries(load.failures))}, slowest ${load.slowestMs()} ms`,
      )
      expect(codes).toEqual(Array(9).fill(0))
      expect(Object.fromEntries(load.failures), causesIn(balancer.err())).toEqual({})

      async function replace(replica: Replica, build: Build): Promise<void> {
        await stop(replica)
        Object.assign(replica, await start(build, replica.port))
      }

      /** Two signals, as npm and systemd send them. */
      async function stop(replica: Replica): Promise<void> {
        const { program } = replica
        timesOfStopped += await timesWithoutRedis(replica)
        for (let n = 0; n < 2; n += 1) program.killGroup('SIGTERM')
        codes.push(await program.ended)
        expect(troublesIn(program)).toEqual([])
      }

      /** All replicas have the same version now. */
      async function expectAllKept(): Promise<void> {
        const calls = () => emulator.calls.of('verifyAccessToken') + emulator.calls.of('profile')
        const callsBefore = calls()
        for (const replica of replicas)
          for (const token of known) expect(await nameOf(replica, token)).toBe('Sakura Tanaka')
        // Where Redis has no answer within 100 ms, which happens on a busy machine, LINE is asked. So it is about what a replica,
        // perhaps one that is stopped by now, could not write in time.
        const times = await Promise.all(replicas.map(timesWithoutRedis))
        expect(calls() - callsBefore).toBeLessThanOrEqual(2 * times.reduce((sum, count) => sum + count, timesOfStopped))
        await expectRefused(replicas, revoked)
        for (const replica of replicas) await expectJwt(jwt, replica)
      }

      async function expectNonce(ofFormer: string): Promise<void> {
        const { idToken } = emulator.issueTokens({ nonce: ofFormer })
        for (const replica of replicas) {
          const without = await replica.ask(verifyIdToken, { variables: { input: { idToken } } })
          expect(without.errors[0]?.extensions).toMatchObject({ code: 'INVALID_ID_TOKEN', reason: 'NONCE' })
          const verified = await replica.ask(verifyIdToken, { variables: { input: { idToken, nonce: ofFormer } } })
          expect(verified.data).toMatchObject({ verifyIdToken: { nonce: ofFormer } })
        }
      }
    })

    async function start(build: Build, port: number): Promise<Replica> {
      const program = startProgram(process.execPath, [build.main], {
        HOST: '127.0.0.1',
        PORT: String(port),
        METRICS_PORT: '0',
        LINE_CHANNEL_ID: web.id,
        LINE_CHANNEL_SECRET: web.secret,
        LINE_API_URL: emulator.url,
        LINE_ACCESS_URL: emulator.url,
        LINE_TIMEOUT_MS: '20000',
        REDIS_URL: redis.url,
        CACHE_SECRET: secret,
        PUBLIC_URL: issuer,
        SIGNING_KEYS_FILE: keys.path,
        // Longer than the test on a slow machine.
        API_TOKEN_SECONDS: '3600',
        TRUSTED_PROXIES: '127.0.0.1',
        SHUTDOWN_DELAY_SECONDS: '1',
        // No re-check during the test, however slow the machine is.
        VERIFICATION_FRESH_SECONDS: '86400',
        VERIFICATION_MAX_STALE_SECONDS: '86400',
      })
      undo.push(() => program.kill('SIGKILL'))
      const { metricsUrl, version } = JSON.parse(await program.printed(/(.*"listening".*)\n/))
      if (version !== undefined) expect(version).toBe(build.version)
      const replica = { port, program, metricsUrl, version, ask: askAt(`http://127.0.0.1:${port}`) }
      await timeUntil(async () => (await metricsOf(replica)).includes('gateway_redis_up 1'), 30_000)
      return replica
    }

    function askAt(url: string) {
      return async (query: string, { variables, token }: Ask = {}): Promise<Reply> => {
        const bearing = token === undefined ? {} : { authorization: `Bearer ${token}` }
        const answer = await request(`${url}/graphql`, {
          dispatcher: agent,
          method: 'POST',
          headers: { 'content-type': 'application/json', ...bearing },
          body: JSON.stringify({ query, variables }),
        })
        return toReply(answer.statusCode, answer.headers, await answer.body.text())
      }
    }

    /**
     * A token that this replica refuses, and LINE still accepts. All know it, so the others must hear of it: the stream
     * tells them.
     */
    async function revokeKnown(replica: Replica, replicas: readonly Replica[]): Promise<string> {
      const { accessToken } = emulator.issueTokens()
      for (const one of replicas) expect(await nameOf(one, accessToken)).toBe('Sakura Tanaka')
      emulator.faults.set('revoke', { status: 200, body: '' })
      const { data } = await revoke(replica, { accessToken })
      emulator.faults.clear('revoke')
      expect(data).toEqual({ revokeToken: { revoked: true } })
      const atLine = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${accessToken}`)
      expect(atLine.status).toBe(200)
      return accessToken
    }

    /** LINE accepts a refresh token once. */
    async function expectSameRefresh(one: Replica, other: Replica): Promise<void> {
      const code = emulator.issueCode({ redirectUri })
      const { exchangeLogin } = (await exchange(one, code)).data as {
        exchangeLogin: { tokens: { refreshToken: string } }
      }
      const { refreshToken } = exchangeLogin.tokens
      const answers = [await refresh(one, refreshToken), await refresh(other, refreshToken)]
      expect(answers[0]?.data?.refreshToken).toMatchObject({ accessToken: expect.any(String) })
      expect(answers[1]?.data).toEqual(answers[0]?.data)
    }

    async function expectJwt(jwt: string, { port }: Replica): Promise<void> {
      const set = await fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`, { headers: { connection: 'close' } })
      const { payload } = await jwtVerify(jwt, createLocalJWKSet((await set.json()) as never), { issuer })
      expect(payload.sub).toMatch(/^U/)
    }
  })
})

const startLogin = 'mutation ($input: StartLoginInput!) { startLogin(input: $input) { nonce } }'
const verifyIdToken = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { nonce } }'

async function expectRefused(replicas: readonly Replica[], tokens: readonly string[]): Promise<void> {
  for (const token of tokens)
    for (const replica of replicas)
      await expect.poll(() => reasonFor(replica, token), { timeout: 30_000 }).toBe('REVOKED')
}

async function reasonFor(replica: Replica, token: string): Promise<unknown> {
  return (await replica.ask('{ viewer { displayName } }', { token })).errors[0]?.extensions.reason
}

async function nameOf(gateway: Asker, token: string): Promise<unknown> {
  const { data } = await gateway.ask('{ viewer { displayName } }', { token })
  return (data?.viewer as { displayName?: string } | null)?.displayName
}

async function apiTokenOf(replica: Replica, token: string): Promise<string> {
  const { data } = await replica.ask('{ viewer { apiToken { token } } }', { token })
  const { viewer } = data as { viewer: { apiToken: { token: string } } }
  return viewer.apiToken.token
}

async function ofFirst<Result>(gateway: Asker, query: string, input: object): Promise<Result> {
  const { data } = await gateway.ask(query, { variables: { input } })
  return Object.values(data ?? {})[0] as Result
}

async function metricsOf({ metricsUrl }: Pick<Replica, 'metricsUrl'>): Promise<string> {
  return (await fetch(`${metricsUrl}/metrics`, { headers: { connection: 'close' } })).text()
}

async function timesWithoutRedis(replica: Replica): Promise<number> {
  const away = /^gateway_(?:shared_lookups|redis_commands)_total\{[^}]*outcome="(?:away|late)"[^}]*\} (\d+)/gm
  return [...(await metricsOf(replica)).matchAll(away)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** What no version should have written: error lines, and what is no log line. */
function troublesIn(program: Program): readonly string[] {
  const lines = `${program.out()}${program.err()}`.split('\n').filter(Boolean)
  return lines.filter((line) => !line.startsWith('{') || /unhandled|uncaught|"level":[56]0/i.test(line))
}
