import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { isUnreachable } from './npm.ts'
import { project, startProgram } from './programs.ts'

const source = join(project, 'test/long/stock-clients')

/** Verifiers and OAuth clients of other people, as programs of their own. */
export type StockClients = {
  /** Starts the APIs that verify the tokens of one issuer. Returns their URLs. */
  startApis(settings: ApiSettings): Promise<Readonly<Record<ApiName, string>>>
  /** Starts a service that uses oauth4webapi. */
  startOauthClient(issuer: string): OauthClient
  /** Ends the programs, and removes the packages. */
  close(): void
}

export type ApiName = 'express' | 'express, strict' | 'fastify' | 'hono' | 'hono with typ'

export type ApiSettings = {
  readonly issuer: string
  readonly audience: string
  readonly jwksUri: string
  readonly algorithms: readonly string[]
}

export type OauthClient = {
  /** Calls a function of `stock-clients/oauth-client.js`. One call at a time. */
  call(name: string, argument?: object): Promise<OauthOutcome>
}

export type OauthOutcome = {
  // biome-ignore lint/suspicious/noExplicitAny: the answer of a program, which the test looks at
  readonly value?: any
  readonly error?: {
    readonly code?: string
    readonly status?: number
    readonly body?: string
    readonly message: string
  }
}

/** Tests with the stock clients. Where no registry can be reached they are skipped, and the output gives the reason. */
export function describeWithStockClients(
  clients: StockClients | undefined,
  subject: string,
  tests: (clients: StockClients) => void,
): void {
  if (clients !== undefined) return void describe(subject, () => tests(clients))
  const reason = `the stock clients cannot be installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, () => {})
}

/** Installs the packages in a temporary folder. `undefined`: no registry can be reached. Throws if anything else fails. */
export async function installStockClients(): Promise<StockClients | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'stock-clients-'))
  cpSync(source, folder, { recursive: true })
  cpSync(join(project, '.npmrc'), join(folder, '.npmrc'))
  try {
    const options = ['--no-audit', '--prefer-offline', '--fetch-retries=1', '--fetch-timeout=60000']
    await promisify(execFile)('npm', ['ci', ...options], { cwd: folder })
  } catch (error) {
    rmSync(folder, { recursive: true })
    if (isUnreachable(error)) return undefined
    throw error
  }
  return clientsIn(folder)
}

function clientsIn(folder: string): StockClients {
  const started: ReturnType<typeof startProgram>[] = []

  return { startApis, startOauthClient, close }

  async function startApis(settings: ApiSettings): Promise<Readonly<Record<ApiName, string>>> {
    return JSON.parse(await start('apis.js', settings).printed(/(.+)\n/))
  }

  function startOauthClient(issuer: string): OauthClient {
    const program = start('oauth-client.js', { issuer })
    const { stdin, stdout } = program.process
    if (stdin === null || stdout === null) throw new Error('The program has no pipes')
    const answers = createInterface({ input: stdout })
    return {
      call: async (name, argument = {}) => {
        stdin.write(`${JSON.stringify([name, argument])}\n`)
        const ended = program.ended.then(() => Promise.reject(new Error(program.err())))
        const [line] = await Promise.race([once(answers, 'line'), ended])
        return JSON.parse(line)
      },
    }
  }

  function start(script: string, settings: object) {
    const program = startProgram(process.execPath, [script, JSON.stringify(settings)], {}, folder)
    started.push(program)
    return program
  }

  function close(): void {
    for (const program of started) program.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
