import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { request } from 'undici'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { freePort } from '../harness/free-port.ts'
import { describeWithNginx, makeNginxFolderWith } from '../harness/nginx.ts'
import { startProgram } from '../harness/programs.ts'
import { sendRaw } from '../harness/raw-http.ts'
import { type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

const recipe = readFileSync(new URL('../recipes/nginx.conf', import.meta.url), 'utf8')
const sakura = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'
const settings = { TRUSTED_PROXIES: '127.0.0.1', FAILED_TOKENS_BURST: '3' }
const signing = { NODE_ENV: 'development', PUBLIC_URL: 'http://localhost:4000' }
const identityHeaders = ['x-auth-request-user', 'x-line-user-id', 'x-line-channel-id', 'x-line-scope']

/** What the API got of a request. */
type Arrived = {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly digest: string
}
type Ask = {
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

describeWithNginx('the recipe for nginx', (nginx) => {
  let required: Awaited<ReturnType<typeof startSite>>
  let optional: Awaited<ReturnType<typeof startSite>>
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ ...settings, ...signing, FORWARD_AUTH: 'required' })
    const plain = await startRunningGateway({ ...settings, FORWARD_AUTH: 'optional' }, { beside: gateway })
    ;[required, optional] = await Promise.all([startSite(nginx, gateway), startSite(nginx, plain)])
    return async () => {
      for (const site of [required, optional]) await site.close()
      await plain.close()
      await gateway.close()
    }
  })
  afterEach(() => gateway.emulator.faults.clear())

  it('a good token: the identity arrives, with our JWT in place of the token', async () => {
    const { arrived } = await required.ask('/orders?id=7', { token: gateway.issue().accessToken })
    expect(arrived).toMatchObject({ method: 'GET', url: '/orders?id=7' })
    expect(identityHeaders.map((name) => arrived?.headers[name])).toEqual([
      sakura,
      sakura,
      '1000000001',
      'profile openid',
    ])
    const keys = createLocalJWKSet(JSON.parse((await gateway.send('/.well-known/jwks.json')).text))
    const jwt = arrived?.headers.authorization?.replace('Bearer ', '') ?? ''
    const { payload } = await jwtVerify(jwt, keys, { currentDate: new Date(gateway.lineTime()) })
    expect(payload).toMatchObject({ sub: sakura, iss: signing.PUBLIC_URL })
  })

  it('without signing keys: the identity arrives, and no token', async () => {
    const { arrived } = await optional.ask('/', { token: gateway.issue().accessToken })
    expect([arrived?.headers['x-auth-request-user'], arrived?.headers.authorization]).toEqual([sakura, undefined])
  })

  it.each(['/', '/auth', '/orders/7?scope=x', '/_line_auth/x', '/%2e%2e/auth', '//'])(
    '%s: no forged header of a client arrives',
    async (path) => {
      const forged = 'U00000000000000000000000000000000'
      const names = identityHeaders.flatMap((name) => [name, name.toUpperCase(), name.replaceAll('-', '_')])
      const headers = Object.fromEntries(names.map((name) => [name, forged]))
      const token = gateway.issue().accessToken
      for (const { arrived } of [
        await required.ask(path, { token, headers }),
        await optional.ask(path, { token, headers }),
        await optional.ask(path, { headers }),
        await optional.ask(path, { headers: { ...headers, authorization: '' } }),
      ]) {
        expect(arrived).toBeDefined()
        expect(JSON.stringify(arrived)).not.toContain(forged)
      }
    },
  )

  it('the location of the gateway: not for clients', async () => {
    expect((await required.ask('/_line_auth', { token: gateway.issue().accessToken })).status).toBe(404)
  })

  it.each([
    ['no token', () => undefined, 401, 'Bearer realm="line"'],
    ['a bad token', () => 'unknown-to-line', 401, 'Bearer realm="line", error="invalid_token"'],
    [
      'a token whose user is unknown',
      () => gateway.issue({ scope: 'email' }).accessToken,
      403,
      'Bearer realm="line", error="insufficient_scope", scope="profile"',
    ],
  ])('%s: refused, and the client learns why', async (_, token, status, challenge) => {
    const answer = await required.ask('/', { token: token() })
    expect([answer.status, answer.headers['www-authenticate'], answer.arrived]).toEqual([status, challenge, undefined])
  })

  it('an outage of LINE: 503 with Retry-After, and a known token passes', async () => {
    const { accessToken } = gateway.issue()
    await required.ask('/', { token: accessToken })
    gateway.emulator.faults.set('*', { status: 500 })
    const answer = await required.ask('/', { token: gateway.issue().accessToken })
    expect([answer.status, Number(answer.headers['retry-after']) > 0, answer.arrived]).toEqual([503, true, undefined])
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect((await required.ask('/', { token: accessToken })).status).toBe(200)
  })

  it('too many bad tokens: 429 with Retry-After, for that client alone', async () => {
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    const statuses: number[] = []
    for (let n = 0; n < 4; n += 1)
      statuses.push((await required.ask('/', { token: `junk-${n}`, ...from('203.0.113.1') })).status)
    expect(statuses).toEqual([401, 401, 401, 429])
    const limited = await required.ask('/', { token: 'junk', ...from('203.0.113.1') })
    expect([limited.status, limited.headers['retry-after']]).toEqual([429, '1'])
    const other = await required.ask('/', { token: gateway.issue().accessToken, ...from('203.0.113.2') })
    expect(other.status).toBe(200)
  })

  it('a token that is revoked through the gateway: refused on the next request', async () => {
    const { accessToken } = gateway.issue()
    expect((await required.ask('/', { token: accessToken })).status).toBe(200)
    await gateway.ask('mutation { logout { revoked } }', { token: accessToken })
    expect((await required.ask('/', { token: accessToken })).status).toBe(401)
  })

  it('a body of 10 MB: arrives whole, and none of it at the gateway', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024, 'LINE ')
    const before = required.bytesToGateway()
    const { arrived } = await required.ask('/upload', { token: gateway.issue().accessToken, body })
    expect(arrived).toMatchObject({ method: 'POST', digest: digestOf(body) })
    expect(required.bytesToGateway() - before).toBeLessThan(2_000)
  })

  it('HTTP/1.0 without a Host: your API gets one', async () => {
    const head = `GET / HTTP/1.0\r\nauthorization: Bearer ${gateway.issue().accessToken}\r\n\r\n`
    const { text } = await sendRaw(required.url, head)
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ headers: { host: 'api.example.com' } })
  })

  it('more headers than the gateway reads: they do not go there', async () => {
    const headers = Object.fromEntries(['cookie', 'x-one', 'x-two'].map((name) => [name, 'x'.repeat(7_000)]))
    expect((await required.ask('/', { token: gateway.issue().accessToken, headers })).status).toBe(200)
  })

  it('the gateway cannot be reached: 503', async () => {
    await optional.loseGateway()
    const answer = await optional.ask('/', {})
    expect([answer.status, answer.arrived]).toEqual([503, undefined])
  })
})

/** An API behind nginx with the recipe, in which only the ports are changed. */
async function startSite(nginx: string, gateway: RunningGateway) {
  const api = await startApi()
  const relay = await startRelay(Number(new URL(gateway.url).port))
  const port = await freePort()
  const folder = makeNginxFolderWith(
    recipe
      .replace('server 127.0.0.1:4000', `server 127.0.0.1:${relay.port}`)
      .replace('server 127.0.0.1:3000', `server 127.0.0.1:${api.port}`)
      .replace('listen 8080', `listen 127.0.0.1:${port}`),
  )
  const program = startProgram(nginx, folder.command, {})
  const url = `http://127.0.0.1:${port}`
  await vi
    .waitFor(() => fetch(`${url}/_line_auth`), { timeout: 30_000 })
    .catch(async (error) => {
      await close()
      throw error
    })
  return { url, ask, bytesToGateway: relay.bytes, loseGateway: relay.close, close }

  async function ask(path: string, { token, headers, body }: Ask) {
    const bearing = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await request(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...bearing, ...headers },
      ...(body && { body }),
    })
    const text = await answer.body.text()
    const arrived: Arrived | undefined = answer.statusCode === 200 ? JSON.parse(text) : undefined
    return { status: answer.statusCode, headers: answer.headers, arrived }
  }

  async function close(): Promise<void> {
    program.kill()
    await program.ended
    await relay.close()
    await api.close()
    folder.remove()
  }
}

/** Answers with what arrived. */
async function startApi() {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, async (incoming, response) => {
    const { method, url, headers } = incoming
    const digest = digestOf(Buffer.concat(await incoming.toArray()))
    response.end(JSON.stringify({ method, url, headers, digest }))
  })
  const { port, close } = await listening(server)
  return { port, close: closeAll }

  function closeAll(): Promise<unknown> {
    server.closeAllConnections()
    return close()
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function listening(server: Server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(resolve)) }
}

/** Passes connections on to a port, and counts what the clients send. */
async function startRelay(to: number) {
  let bytes = 0
  const sockets = new Set<Socket>()
  const server = createNetServer((client) => {
    const upstream = connect(to, '127.0.0.1')
    client.on('data', (some) => (bytes += some.length))
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
  })
  const { port, close } = await listening(server)
  return { port, bytes: () => bytes, close: closeAll }

  async function closeAll(): Promise<void> {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await close()
  }
}
