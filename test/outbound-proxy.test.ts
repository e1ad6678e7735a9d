import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { closedPort } from './harness/line-transport.ts'
import { exchange, logIn } from './harness/log-in.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { codesOf, noSourceLimit, type RunningGateway, startRunningGateway } from './harness/running-gateway.ts'
import { type ProxyBehaviour, type SecureLine, secureLineUrl, startSecureLine } from './harness/secure-line.ts'

const viewer = '{ viewer { displayName } }'
const sakura = { viewer: { displayName: 'Sakura Tanaka' } }
const password = 'p@ss:canary'

let line: SecureLine
beforeAll(async () => {
  line = await startSecureLine()
})
afterAll(() => line.close())

let gateway: RunningGateway
beforeEach(() => {
  line.state.behaviour = 'tunnel'
  line.seen.connects.length = 0
  line.seen.headers.length = 0
})
afterEach(() => gateway.close())

const proxyUrl = (credentials = '') => `http://${credentials}127.0.0.1:${line.proxyPort}`

async function start(settings: NodeJS.ProcessEnv): Promise<void> {
  gateway = await startRunningGateway({ LINE_API_URL: secureLineUrl, ...noSourceLimit, ...settings })
  line.state.target = gateway.emulator.url
}

const askViewer = () => gateway.ask(viewer, { token: gateway.issue().accessToken })

describe('a proxy for calls to LINE', () => {
  test.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])(
    '%s: all calls go through it (D17)',
    async (name) => {
      await start({ [name]: proxyUrl() })
      expect(await askViewer()).toMatchObject({ data: sakura })
      expect(new Set(line.seen.connects.map(({ target }) => target))).toEqual(new Set(['api.line.test:443']))
      expect(line.seen.headers).toHaveLength(2)
    },
  )

  test('HTTPS_PROXY wins over HTTP_PROXY, and lower case over upper case (D17)', async () => {
    const nowhere = await closedPort()
    await start({ https_proxy: proxyUrl(), HTTPS_PROXY: nowhere, http_proxy: nowhere, HTTP_PROXY: nowhere })
    expect(await askViewer()).toMatchObject({ data: sakura })
  })

  test('user and password: sent to the proxy only, and not logged (D17)', async () => {
    await start({ HTTPS_PROXY: proxyUrl(`user:${encodeURIComponent(password)}@`) })
    await askViewer()
    line.state.behaviour = 407
    expect(await askViewer()).toMatchObject({ data: sakura })
    const basic = `Basic ${Buffer.from(`user:${password}`).toString('base64')}`
    expect(line.seen.connects.map(({ credentials }) => credentials)).toContain(basic)
    expect(JSON.stringify(line.seen.headers)).not.toContain('proxy-auth')
    expect(gateway.log().match(/HTTPS_PROXY: calls to LINE go through this proxy/g)).toHaveLength(1)
    expect(gateway.log()).not.toMatch(/canary|user:|dXNlcjp/)
    expectKnownLines(gateway.log(), 'proxyInUse')
  })

  test('LINE_MAX_CONCURRENCY=2: never more than two tunnels (D17)', async () => {
    await start({ HTTPS_PROXY: proxyUrl(), LINE_MAX_CONCURRENCY: '2' })
    const replies = await Promise.all(Array.from({ length: 20 }, askViewer))
    for (const reply of replies) expect(reply).toMatchObject({ data: sakura })
    expect(line.seen.connects.length).toBeLessThanOrEqual(2)
  })
})

describe('no proxy', () => {
  test.each(['api.line.test', '.line.test', '*', 'other.example, api.line.test:443'])(
    'NO_PROXY=%s: the call does not go to the proxy (D17)',
    async (NO_PROXY) => {
      await start({ HTTPS_PROXY: proxyUrl(), NO_PROXY, LINE_TIMEOUT_MS: '1000' })
      expect(codesOf(await askViewer())).toEqual(['LINE_UNAVAILABLE'])
      expect(line.seen.connects).toEqual([])
    },
  )

  test('NO_PROXY with another host: the call goes to the proxy (D17)', async () => {
    await start({ HTTPS_PROXY: proxyUrl(), NO_PROXY: 'line.example,test.api.line.test' })
    expect(await askViewer()).toMatchObject({ data: sakura })
  })

  test.each(['127.0.0.1', 'localhost', 'line.localhost'])(
    'LINE on %s: no proxy is used or logged (D17)',
    async (host) => {
      const proxies = { HTTPS_PROXY: proxyUrl(), HTTP_PROXY: proxyUrl() }
      await start({ ...proxies, LINE_API_URL: `http://${host}:1`, LINE_TIMEOUT_MS: '1000' })
      expect(codesOf(await askViewer())).toEqual(['LINE_UNAVAILABLE'])
      expect(line.seen.connects).toEqual([])
      expect(gateway.log()).not.toContain('go through this proxy')
    },
  )
})

describe('a proxy that fails', () => {
  test.each<ProxyBehaviour>([407, 502, 'close'])(
    '%s: LINE_UNAVAILABLE, and the code of a login is not used up (D17)',
    async (behaviour) => {
      await start({ HTTPS_PROXY: proxyUrl() })
      const { input } = await logIn(gateway)
      line.state.behaviour = behaviour
      expect(codesOf(await exchange(gateway, input))).toEqual(['LINE_UNAVAILABLE'])
      expect(line.seen.headers).toEqual([])
      expect(gateway.log()).toContain('The proxy opened no connection to LINE')
      line.state.behaviour = 'tunnel'
      expect((await exchange(gateway, input)).data).toMatchObject({
        exchangeLogin: { viewer: { displayName: 'Sakura Tanaka' } },
      })
    },
  )

  test('a refused connection: LINE_UNAVAILABLE, without a wait for the deadline (D17)', async () => {
    await start({ HTTPS_PROXY: await closedPort() })
    expect(codesOf(await askViewer())).toEqual(['LINE_UNAVAILABLE'])
  })

  test('a proxy that never answers: LINE_UNAVAILABLE at the deadline, and the code is not used up (D17)', async () => {
    await start({ HTTPS_PROXY: proxyUrl(), LINE_TIMEOUT_MS: '300' })
    const { input } = await logIn(gateway)
    line.state.behaviour = 'hang'
    for (const _ of [1, 2]) expect(codesOf(await exchange(gateway, input))).toEqual(['LINE_UNAVAILABLE'])
    expect(line.seen.headers).toEqual([])
  })

  test('a proxy that never answered: its place is free again after LINE_TIMEOUT_MS (D17)', async () => {
    await start({ HTTPS_PROXY: proxyUrl(), LINE_TIMEOUT_MS: '1000', LINE_MAX_CONCURRENCY: '1' })
    line.state.behaviour = 'hang'
    expect(codesOf(await askViewer())).toEqual(['LINE_UNAVAILABLE'])
    line.state.behaviour = 'tunnel'
    const later = async () => {
      // Calls that a slow machine does not finish in time open the breaker; a minute later it lets calls through again.
      gateway.advance(60_000)
      return (await askViewer()).data
    }
    await expect.poll(later, { timeout: 45_000 }).toEqual(sakura)
  })
})
