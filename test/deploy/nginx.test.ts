import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { Client } from 'undici'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { freePort } from '../harness/free-port.ts'
import { localhostCertificate, localhostKey } from '../harness/localhost-certificate.ts'
import { describeWithNginx, makeShippedNginxFolder } from '../harness/nginx.ts'
import { startProgram } from '../harness/programs.ts'
import { type GraphqlError, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { timeUntil } from '../harness/time-until.ts'

const text = readFileSync(new URL('nginx.conf', import.meta.url), 'utf8')
const seconds = (name: string) => Number(new RegExp(`^ +${name} (\\d+)s;$`, 'm').exec(text)?.[1])

describe('the times of the shipped nginx.conf', () => {
  const config = readConfig({ LINE_CHANNEL_ID: '1000000001', LINE_CHANNEL_SECRET: 'x'.repeat(32) })

  it('nginx closes an idle connection before the gateway does', () => {
    expect(seconds('keepalive_timeout') * 1_000).toBeLessThan(config.keepAliveMs)
  })

  it('nginx waits longer than the longest operation takes', () => {
    expect(seconds('proxy_read_timeout') * 1_000).toBeGreaterThan(2 * (config.lineTimeoutMs + 1_000))
  })
})

describeWithNginx('the shipped nginx.conf', (nginx) => {
  let gateway: RunningGateway
  let site: Awaited<ReturnType<typeof startSite>>
  beforeAll(async () => {
    gateway = await startRunningGateway({ TRUSTED_PROXIES: '127.0.0.1', FAILED_TOKENS_BURST: '3' })
    const port = Number(new URL(gateway.url).port)
    site = await startSite(nginx, [port, port, port])
    return async () => {
      await site.close()
      await gateway.close()
    }
  })

  it('over TLS: a viewer, with the X-Request-Id of the client', async () => {
    const { accessToken } = gateway.issue()
    const answer = await site.ask({ token: accessToken, headers: { 'x-request-id': 'order-7' } })
    expect(answer).toMatchObject({ status: 200, body: { data: { viewer: { displayName: 'Sakura Tanaka' } } } })
    expect(answer.headers['x-request-id']).toBe('order-7')
  })

  it('a client that sends another X-Forwarded-For each time: limited as one client', async () => {
    const codes: unknown[] = []
    for (let n = 0; n < 4; n += 1) {
      const headers = { 'x-forwarded-for': `203.0.113.${n}` }
      codes.push(codeOf(await site.ask({ token: `forging-${n}`, headers })))
    }
    expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'RATE_LIMITED'])
  })

  // Other systems have only one address of loopback.
  it.skipIf(process.platform !== 'linux')('two clients: each counts with its own address', async () => {
    for (let n = 0; n < 3; n += 1) await site.ask({ token: `junk-${n}`, from: '127.0.0.2' })
    expect(codeOf(await site.ask({ token: 'junk-3', from: '127.0.0.2' }))).toBe('RATE_LIMITED')
    expect(codeOf(await site.ask({ token: 'junk-4', from: '127.0.0.3' }))).toBe('UNAUTHENTICATED')
  })

  it('a body that is too long: the answer is that of the gateway', async () => {
    const answer = await site.ask({ query: `{ __typename } # ${'x'.repeat(105_000)}` })
    expect(answer).toMatchObject({ status: 413, body: { errors: [{ extensions: { code: expect.any(String) } }] } })
  })

  it('the log of nginx: path and request ID, no query string and no token', async () => {
    const path = '/graphql?query=%7B__typename%7D&variables=%7B%22secret%22%3A1%7D'
    await site.get(path, { authorization: 'Bearer a-secret-token', 'x-request-id': 'seen-in-the-log' })
    await site.get('/a%20200%22%0Aline', { 'x-request-id': 'forging' })
    const log = await site.log((lines) => lines.includes('forging'))
    expect(log).toMatch(/ "GET \/graphql" 200 .* seen-in-the-log$/m)
    expect(log).toMatch(/ "GET \/a 200\\x22\\x0Aline" 404 .* forging$/m)
    expect(log).not.toMatch(/secret|\?/)
  })
})

describeWithNginx('replicas that fail, behind the shipped nginx.conf', (nginx) => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })

  it('a replica that cannot be reached, many times in a row: the next one answers each request', async () => {
    const gateway = await startRunningGateway()
    const site = await startSite(nginx, [await freePort(), await freePort(), Number(new URL(gateway.url).port)])
    closing.push(site.close, gateway.close)
    const { accessToken: token } = gateway.issue()
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await site.ask({ token })).status))
    expect(new Set(statuses)).toEqual(new Set([200]))
  })

  it('replicas that break the connection: a POST reaches one of them, a GET all; the answer is one that clients know', async () => {
    let requests = 0
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', () => {
          requests += 1
          socket.destroy()
        })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const site = await startSite(nginx, [port, port, port])
    closing.push(site.close, async () => server.close())
    const answer = await site.ask({})
    expect(requests).toBe(1)
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5', 'cache-control': 'no-store' } })
    expect(answer.body.errors).toMatchObject([{ extensions: { code: 'SHUTTING_DOWN', retryAfter: 5 } }])
    await site.get('/graphql?query=secret', {})
    expect(requests).toBe(4)
    const log = await site.log((lines) => lines.includes('GET'))
    expect(log).toMatch(/"GET \/graphql" 503 \S+ "[^"]+" "502, 502, 502" -$/m)
    expect(`${log}${site.errors()}`).not.toContain('secret')
  })
})

type Ask = {
  readonly query?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The address of the client. */
  readonly from?: string
}

async function startSite(nginx: string, replicas: readonly number[]) {
  const port = await freePort()
  const folder = makeShippedNginxFolder(port, replicas, { certificate: 'own.crt', key: 'own.key' })
  writeFileSync(join(folder.path, 'own.crt'), localhostCertificate)
  writeFileSync(join(folder.path, 'own.key'), localhostKey)
  const program = startProgram(nginx, folder.command, {})
  await timeUntil(() => isListening(port), 30_000, { what: `nginx: ${program.err()}` })
  return { ask, get, log, errors, close }

  async function ask({ query = '{ viewer { displayName } }', token, headers, from }: Ask) {
    const bearing = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const body = JSON.stringify({ query })
    return send('POST', '/graphql', { 'content-type': 'application/json', ...bearing, ...headers }, body, from)
  }

  function get(path: string, headers: Readonly<Record<string, string>>) {
    return send('GET', path, headers)
  }

  async function send(
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | null = null,
    from: string | null = null,
  ) {
    const connect = { ca: localhostCertificate, servername: 'localhost' }
    const client = new Client(`https://127.0.0.1:${port}`, { connect, ...(from && { localAddress: from }) })
    try {
      const answer = await client.request({ method, path, headers, body })
      const read = await answer.body.text()
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: read.startsWith('{') ? JSON.parse(read) : read,
      }
    } finally {
      await client.destroy()
    }
  }

  async function log(isComplete: (lines: string) => boolean): Promise<string> {
    const read = () => readFileSync(join(folder.path, 'access.log'), 'utf8')
    await timeUntil(() => isComplete(read()), 30_000)
    return read()
  }

  function errors(): string {
    return program.err() + readFileSync(join(folder.path, 'error.log'), 'utf8')
  }

  async function close(): Promise<void> {
    program.kill()
    await program.ended
    folder.remove()
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isOpen
}

function codeOf({ body }: { readonly body: { readonly errors?: readonly GraphqlError[] } }): string | undefined {
  return body.errors?.[0]?.extensions.code
}
