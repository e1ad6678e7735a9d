import { describe, expect, test } from 'vitest'
import { callbackPath, createDevPages } from '../../src/dev/pages.ts'
import { sampleTabs } from '../../src/endpoints/graphiql-tabs.ts'
import { foreignHosts, loopbackHosts } from '../harness/host-names.ts'
import { sendRaw, statusesIn } from '../harness/raw-http.ts'
import { type Reply, useSharedGateway } from '../harness/running-gateway.ts'

const demo = { accessToken: 'demo-access-token', refreshToken: 'demo-refresh-token', redirectUri: 'http://localhost/' }
const dev = () => ({ tabs: sampleTabs(demo), pages: createDevPages({ emulatorUrl: 'http://127.0.0.1:1' }) })
const html = 'text/html'

const gateway = useSharedGateway({ NODE_ENV: 'development' }, { dev })
const get = (path: string, host: string, accept = html) => gateway().send(path, { headers: { host, accept } })

/** 421 and a short text that gives the reason. It has neither a page nor a token. */
function expectRefused({ status, text }: Reply): void {
  expect(status).toBe(421)
  expect(text.length).toBeLessThan(200)
  expect(text).toContain('only for loopback names')
  expect(text).not.toMatch(/demo-|<html/)
}

describe('a page of `npm run dev`', () => {
  test.each(foreignHosts.filter((host) => host !== ''))(
    'Host %s: neither GraphiQL with its tokens nor /dev/callback (D21)',
    async (host) => {
      for (const path of ['/graphql', callbackPath, `${callbackPath}?code=x`]) expectRefused(await get(path, host))
    },
  )

  test('every loopback host: /dev/callback; GraphiQL has the demo tokens (D21)', async () => {
    for (const host of loopbackHosts) expect(await get(callbackPath, host), host).toMatchObject({ status: 200 })
    // One is enough: the page has nine megabytes.
    expect(await get('/graphql', '[::1]:4000')).toMatchObject({ status: 200 })
  })

  test('no Host (HTTP/1.0), or a target with another host: refused (D21)', async () => {
    const heads = [
      `GET ${callbackPath} HTTP/1.0`,
      `GET /graphql HTTP/1.0\r\naccept: ${html}`,
      `GET http://evil.example${callbackPath} HTTP/1.1\r\nhost: localhost\r\nconnection: close`,
      `GET http://evil.example/graphql HTTP/1.1\r\nhost: localhost\r\naccept: ${html}\r\nconnection: close`,
    ]
    for (const head of heads) {
      const received = await sendRaw(gateway().url, `${head}\r\n\r\n`)
      expect([404, 421]).toContain(statusesIn(received)[0])
      expect(received.text).not.toMatch(/demo-|<html/)
    }
  })

  test('a foreign host: /health, /ready and operations are answered as ever (D21)', async () => {
    const host = 'gateway.internal'
    for (const path of ['/health', '/ready', '/graphql?query={__typename}'])
      expect(await get(path, host, '*/*'), path).toMatchObject({ status: 200 })
    expect(await gateway().ask('{ __typename }', { headers: { host } })).toMatchObject({ status: 200, errors: [] })
  })
})

describe('GraphiQL in production', () => {
  const production = useSharedGateway({ GRAPHIQL: 'true' })

  test('a public host: served, and it has no token (D21)', async () => {
    const headers = { host: 'gateway.example', accept: html }
    expect(await production().send('/graphql', { headers })).toMatchObject({ status: 200 })
  })
})
