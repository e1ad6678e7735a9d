import { describe, expect, test } from 'vitest'
import { callbackPath, createDevPages } from '../../src/dev/pages.ts'
import { sampleTabs } from '../../src/endpoints/graphiql-tabs.ts'
import { foreignHosts } from '../harness/host-names.ts'
import { useSharedGateway } from '../harness/running-gateway.ts'

const emulatorUrl = 'http://127.0.0.1:1'
const pages = createDevPages({ emulatorUrl })
const paths = [...pages.keys()].filter((path) => path !== '/')
const gateway = useSharedGateway({ NODE_ENV: 'development' }, { dev: () => ({ tabs: sampleTabs(), pages }) })

const types = { html: 'text/html', css: 'text/css', js: 'text/javascript', json: 'application/json' }

describe('the pages of `npm run dev`', () => {
  test.each(paths)('%s: its media type, no guessing, not cached; POST is 405', async (path) => {
    const { status, headers } = await gateway().send(path)
    const kind = /\.(\w+)$/.exec(path)?.[1] ?? (path.endsWith('numbers') ? 'json' : 'html')
    expect(status).toBe(200)
    expect(headers['content-type']).toMatch(types[kind as keyof typeof types])
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    expect(await gateway().send(path, { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET' } })
  })

  test('POST to the callback, as after a login with FORM_POST: says what is missing', async () => {
    const { text } = await gateway().send(callbackPath, { method: 'POST', body: 'code=x' })
    expect(text).toContain('For a login with responseMode FORM_POST you need a callback of your own.')
  })

  test('every path: not for a foreign host', async () => {
    const host = foreignHosts.find(Boolean) ?? ''
    for (const path of ['/', ...paths]) {
      const { status, text } = await gateway().send(path, { headers: { host } })
      expect([status, text.includes('<html')], path).toEqual([421, false])
    }
  })

  test('`/` leads to the demo page, below a path prefix too', async () => {
    const { status, headers } = await gateway().send('/')
    expect([status, headers.location]).toEqual([302, 'dev/demo'])
  })

  test('an HTML page: no script, style or address of its own text, so the CSP has no unsafe-inline', async () => {
    for (const path of ['/dev/demo', callbackPath]) {
      const { headers, text } = await gateway().send(path)
      const more = path === callbackPath ? '' : ` ${emulatorUrl}`
      expect(headers['content-security-policy']).toContain(`connect-src 'self'${more};`)
      expect(headers['content-security-policy']).toContain("form-action 'none'")
      expect(headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(headers['content-security-policy']).not.toContain('unsafe')
      expect(text).not.toMatch(/<style|<script(?! type="module" src=")|\son\w+=|\sstyle=|\{\{/)
    }
  })

  test('GraphiQL: may load files of this server, and has the login bar', async () => {
    const { headers, text } = await gateway().send('/graphql/', { headers: { accept: 'text/html' } })
    expect(headers['content-security-policy']).toContain("script-src 'unsafe-inline' blob: 'self'")
    expect(text).toContain("import(new URL('dev/graphiql.js'")
    expect(text.match(/keepForLoginBar\(/g)).toHaveLength(2)
    expect(text).toContain('globalAPI: true')
  })
})

describe('GraphiQL in production', () => {
  const production = useSharedGateway({ GRAPHIQL: 'true' })

  test('has no login bar, and its CSP allows no file of this server', async () => {
    const { headers, text } = await production().send('/graphql', { headers: { accept: 'text/html' } })
    expect(headers['content-security-policy']).toContain("script-src 'unsafe-inline' blob:;")
    expect(text).not.toMatch(/keepForLoginBar|dev\/graphiql/)
    expect(text).toContain('globalAPI: false')
    expect(await production().send('/dev/graphiql.js')).toMatchObject({ status: 404 })
  })
})
