import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from './harness/free-port.ts'
import { type RunningGateway, startRunningGateway } from './harness/running-gateway.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((some) => some?.some(({ address }) => address === '::1'))
/** An empty value counts as unset: this is the default of production. */
const byDefault = { HOST: '', METRICS_PORT: '0' }

let gateway: RunningGateway | undefined
afterEach(() => gateway?.close())

describe('HOST by default', () => {
  test.skipIf(!hasIpv6)(
    '/health and /metrics answer on ::1 and on 127.0.0.1, also at the logged URL (D18)',
    async () => {
      gateway = await startRunningGateway(byDefault)
      const [url, metricsUrl] = [new URL(gateway.url), new URL(gateway.metricsUrl ?? '')]
      expect([url.hostname, metricsUrl.hostname]).toEqual(['[::]', '[::]'])
      for (const host of ['[::1]', '127.0.0.1', '[::]']) {
        expect((await fetch(`http://${host}:${url.port}/health`)).status, host).toBe(200)
        expect((await fetch(`http://${host}:${metricsUrl.port}/metrics`)).status, host).toBe(200)
      }
    },
  )

  test.skipIf(!hasIpv6)('an IPv4 client: TRUSTED_PROXIES knows it by its IPv4 address (D18)', async () => {
    const settings = { ...byDefault, TRUSTED_PROXIES: '127.0.0.1', FAILED_TOKENS_BURST: '1' }
    gateway = await startRunningGateway({ ...settings, FAILED_TOKENS_PER_SECOND: '0.001' })
    const url = `http://127.0.0.1:${new URL(gateway.url).port}/graphql?query={viewer{id}}`
    const codeFrom = async (address: string, token: string) => {
      const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': address, accept: 'application/json' }
      return JSON.parse(await (await fetch(url, { headers })).text()).errors[0].extensions.code
    }
    expect(await codeFrom('192.0.2.1', 'junk.1')).toBe('UNAUTHENTICATED')
    expect(await codeFrom('192.0.2.1', 'junk.2')).toBe('RATE_LIMITED')
    expect(await codeFrom('192.0.2.2', 'junk.3')).toBe('UNAUTHENTICATED')
    expect(gateway.log()).not.toContain('X-Forwarded-For is ignored')
  })

  test.each([-97, -99])('where IPv6 is off (bind fails with error %i): 0.0.0.0 (D18)', async (code) => {
    const restore = await withoutIpv6(code)
    try {
      gateway = await startRunningGateway(byDefault)
    } finally {
      restore()
    }
    for (const base of [gateway.url, `${gateway.metricsUrl}`]) expect(new URL(base).hostname).toBe('0.0.0.0')
    expect((await fetch(`http://127.0.0.1:${new URL(gateway.url).port}/health`)).status).toBe(200)
  })
})

test.skipIf(!hasIpv6)('HOST=::1: only IPv6, and the URL has brackets (D18)', async () => {
  // Nobody may have the same port on 127.0.0.1.
  gateway = await startRunningGateway({ HOST: '::1', PORT: `${await freePort()}` })
  const { hostname, port } = new URL(gateway.url)
  expect(hostname).toBe('[::1]')
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
})

/** Lets every bind to an IPv6 address fail, as the kernel does: -97 is EAFNOSUPPORT and -99 is EADDRNOTAVAIL on Linux. */
async function withoutIpv6(code: number): Promise<() => void> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const handles = Object.getPrototypeOf(Reflect.get(server, '_handle'))
  server.close()
  const { bind6 } = handles
  handles.bind6 = () => code
  return () => {
    handles.bind6 = bind6
  }
}
