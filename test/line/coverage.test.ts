import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { native, type RunningGateway, startRunningGateway, web } from '../harness/running-gateway.ts'
import { checks, type LineEndpoint } from './checks.ts'
import { countOf, coverage, coverageTable, coverageText, type Row } from './coverage.ts'

const onlyNative = { LINE_CHANNEL_ID: native.id, LINE_CHANNEL_TYPE: 'native', LINE_CHANNEL_SECRET: '' }

let gateway: RunningGateway | undefined
afterEach(() => gateway?.close())

async function start({ endpoint }: Pick<Row, 'endpoint'>): Promise<RunningGateway> {
  gateway = await startRunningGateway({ LINE_TIMEOUT_MS: '60000', ...(endpoint === 'certs' && onlyNative) })
  return gateway
}

describe('each operation of the table works, and calls only its endpoint of LINE:', () => {
  const used = coverage.flatMap((row) => (row.operation === undefined ? [] : [[row.operation, row] as const]))

  it.each(used)('%s', async (operation, row) => {
    const gateway = await start(row)
    const { token, variables } = inputOf(gateway, operation, row)
    const { data, errors } = await gateway.ask(operation, { variables, token })
    expect(errors).toEqual([])
    expect(Object.values(data ?? {}).every((value) => value !== null)).toBe(true)
    const calls = gateway.emulator.calls
    if (row.callsLine) expect(calls.of(row.endpoint === 'verify' ? 'verifyAccessToken' : row.endpoint)).toBe(1)
    else expect(calls.total()).toBe(0)
  })

  it('startLogin: LINE accepts its authorizationUrl', async () => {
    const { operation } = coverage.find(({ endpoint }) => endpoint === 'authorize') ?? {}
    const { ask, emulator } = await start({ endpoint: 'authorize' })
    const { data } = await ask(operation ?? '')
    const login = data?.startLogin as { readonly authorizationUrl: string } | undefined
    const { status } = await fetch(login?.authorizationUrl ?? '', { redirect: 'manual' })
    expect(status).toBe(200)
    expect(emulator.calls.of('authorize')).toBe(1)
  })

  /** The bearer token and the variables for an operation. */
  function inputOf({ emulator }: RunningGateway, operation: string, { endpoint }: Row) {
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
  it('has a row for each endpoint with checks', () => {
    const seen = new Set<LineEndpoint>(checks.map(({ endpoint }) => endpoint))
    expect(new Set(coverage.map(({ endpoint }) => endpoint))).toEqual(seen)
  })

  it('counts each check once', () => {
    const prefixes = coverage.flatMap((row) => row.checks)
    expect(new Set(prefixes).size).toBe(prefixes.length)
    expect(prefixes.map(countOf).reduce((sum, count) => sum + count, 0)).toBe(checks.length)
    expect(prefixes.filter((prefix) => countOf(prefix) === 0)).toEqual([])
  })

  it('has the same number of cells in each line', () => {
    const lines = coverageTable().split('\n')
    expect(lines).toHaveLength(coverage.length + 2)
    expect(new Set(lines.map((line) => line.split('|').length))).toEqual(new Set([5]))
  })

  it('is part of the text that the command prints', async () => {
    const script = fileURLToPath(new URL('coverage.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    expect(stdout).toBe(coverageText())
    expect(stdout).toContain(`\n\n${coverageTable()}\n`)
  })

  it('is the one in coverage.md; if not, run: node test/line/coverage.ts > test/line/coverage.md', async () => {
    expect(await readFile(new URL('coverage.md', import.meta.url), 'utf8')).toBe(coverageText())
  })
})
