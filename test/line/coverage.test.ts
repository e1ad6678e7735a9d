import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { native, type RunningGateway, startRunningGateway, web } from '../harness/running-gateway.ts'
import { checks, type LineEndpoint } from './checks.ts'
import { countOf, coverage, coverageTable, type Row } from './coverage.ts'

const asNative = { LINE_CHANNEL_ID: native.id, LINE_CHANNEL_TYPE: 'native', LINE_CHANNEL_SECRET: '' }

let gateway: RunningGateway | undefined
afterEach(() => gateway?.close())

async function start({ endpoint }: Pick<Row, 'endpoint'>): Promise<RunningGateway> {
  gateway = await startRunningGateway(endpoint === 'certs' ? asNative : {})
  return gateway
}

describe('each operation of the table works, and asks LINE just there:', () => {
  const used = coverage.flatMap((row) => (row.operation === undefined ? [] : [[row.operation, row] as const]))

  it.each(used)('%s', async (operation, row) => {
    const gateway = await start(row)
    const { token, variables } = means(gateway, operation, row)
    const { data, errors } = await gateway.ask(operation, { variables, token })
    expect(errors).toEqual([])
    expect(Object.values(data ?? {}).every((value) => value !== null)).toBe(true)
    const calls = gateway.emulator.calls
    if (row.asked) expect(calls.of(row.endpoint === 'verify' ? 'verifyAccessToken' : row.endpoint)).toBe(1)
    else expect(calls.total()).toBe(0)
  })

  it('the address of startLogin is one LINE takes', async () => {
    const { operation } = coverage.find(({ endpoint }) => endpoint === 'authorize') ?? {}
    const { ask, emulator } = await start({ endpoint: 'authorize' })
    const { data } = await ask(operation ?? '')
    const login = data?.startLogin as { readonly authorizationUrl: string } | undefined
    const { status } = await fetch(login?.authorizationUrl ?? '', { redirect: 'manual' })
    expect(status).toBe(200)
    expect(emulator.calls.of('authorize')).toBe(1)
  })

  /** What a caller of the operation has. */
  function means({ emulator }: RunningGateway, operation: string, { endpoint }: Row) {
    const channelId = endpoint === 'certs' ? native.id : web.id
    const scope = endpoint === 'userinfo' ? 'openid' : 'profile openid'
    const { accessToken, refreshToken, idToken } = emulator.issueTokens({ channelId, scope })
    const redirectUri = 'https://app.example/callback'
    if (operation.includes('exchangeLogin')) {
      return { variables: { input: { code: emulator.issueCode({ redirectUri }), redirectUri } } }
    }
    if (operation.includes('refreshToken(')) return { variables: { input: { refreshToken } } }
    if (operation.includes('verifyIdToken(')) return { variables: { input: { idToken } } }
    if (operation.includes('verifyAccessToken(')) return { variables: { accessToken } }
    return { token: accessToken, variables: {} }
  }
})

describe('the table', () => {
  it('has a row for every endpoint that is checked', () => {
    const seen = new Set<LineEndpoint>(checks.map(({ endpoint }) => endpoint))
    expect(new Set(coverage.map(({ endpoint }) => endpoint))).toEqual(seen)
  })

  it('counts every check once', () => {
    const prefixes = coverage.flatMap((row) => row.checks)
    expect(new Set(prefixes).size).toBe(prefixes.length)
    expect(prefixes.map(countOf).reduce((sum, count) => sum + count, 0)).toBe(checks.length)
    expect(prefixes.filter((prefix) => countOf(prefix) === 0)).toEqual([])
  })

  it('is whole markdown: as many cells in each line', () => {
    const lines = coverageTable().split('\n')
    expect(lines).toHaveLength(coverage.length + 2)
    expect(new Set(lines.map((line) => line.split('|').length))).toEqual(new Set([5]))
  })

  it('is what the command prints', async () => {
    const script = fileURLToPath(new URL('coverage.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    expect(stdout).toBe(`${coverageTable()}\n`)
  })

  it('is the one in README.md', async ({ skip }) => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    const [, rest] = readme.split('<!-- coverage -->')
    if (rest === undefined) return skip('README.md has no <!-- coverage -->')
    const [table, after] = rest.split('<!-- /coverage -->')
    expect(after).toBeDefined()
    expect(table?.trim()).toBe(coverageTable())
  })
})
