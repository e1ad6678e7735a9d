import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Reply, type RunningGateway, startRunningGateway, useRunningGateway } from '../harness/running-gateway.ts'

const ours = 'https://app.example'
const other = 'http://localhost:3000'
const json = { 'content-type': 'application/json' }
const body = '{"query":"{ __typename }"}'

const corsHeadersOf = ({ headers }: Reply) => Object.keys(headers).filter((name) => name.startsWith('access-control-'))

describe('with CORS_ORIGINS', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ CORS_ORIGINS: `${ours}, ${other}` })
  })
  afterAll(() => gateway.close())

  const post = (origin: string, headers: Record<string, string> = json) =>
    gateway.send('/graphql', { method: 'POST', headers: { ...headers, origin }, body })
  const preflight = (origin: string) =>
    gateway.send('/graphql', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })

  it.each([ours, other])('%s: can read answers and Retry-After', async (origin) => {
    const { headers, status } = await post(origin)
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'origin' })
    expect(headers['access-control-expose-headers']).toBe('retry-after')
  })

  it('a listed origin: can read refusals too', async () => {
    const { headers, status } = await post(ours, { 'content-type': 'text/plain' })
    expect(status).toBe(415)
    expect(headers['access-control-allow-origin']).toBe(ours)
  })

  it('a preflight of a listed origin: Authorization is allowed', async () => {
    const { headers, status, text } = await preflight(ours)
    expect([status, text]).toEqual([204, ''])
    expect(headers).toMatchObject({
      'access-control-allow-origin': ours,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type',
      vary: 'origin',
    })
  })

  it.each([
    'https://evil.example',
    'null',
    `${ours}.evil.example`,
    `${ours}:443`,
    'http://app.example',
    'https://APP.example',
    'https://sub.app.example',
    `${ours}/`,
    `${ours}, https://evil.example`,
    '*',
  ])('%s: no CORS header, only `Vary: Origin`', async (origin) => {
    for (const reply of [await post(origin), await preflight(origin)]) {
      expect(corsHeadersOf(reply)).toEqual([])
      expect(reply.headers.vary).toBe('origin')
    }
  })

  it('every origin: no credentials, no *, no cookie', async () => {
    for (const reply of [await post(ours), await preflight(ours), await post('https://evil.example')]) {
      expect(corsHeadersOf(reply)).not.toContain('access-control-allow-credentials')
      expect(reply.headers['access-control-allow-origin']).not.toBe('*')
      expect(reply.headers['set-cookie']).toBeUndefined()
    }
  })

  it('OPTIONS without a preflight header: 405', async () => {
    expect(await gateway.send('/graphql', { method: 'OPTIONS', headers: { origin: ours } })).toMatchObject({
      status: 405,
    })
  })
})

describe('without CORS_ORIGINS', () => {
  const gateway = useRunningGateway()

  it('no CORS header, and a preflight is 405', async () => {
    const preflight = { origin: ours, 'access-control-request-method': 'POST' }
    const replies = [
      await gateway().send('/graphql', { method: 'POST', headers: { ...json, origin: ours }, body }),
      await gateway().send('/graphql', { method: 'OPTIONS', headers: preflight }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([200, 405])
    expect(replies.flatMap(corsHeadersOf)).toEqual([])
  })
})
