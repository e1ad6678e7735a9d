import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { startProgram } from './programs.ts'
import { describeWithPackages, installPackages } from './test-packages.ts'

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
  describeWithPackages(clients, 'the stock clients', subject, tests)
}

/** Installs the packages in a temporary folder. `undefined`: no registry can be reached. Throws if anything else fails. */
export async function installStockClients(): Promise<StockClients | undefined> {
  const folder = await installPackages('test/long/stock-clients')
  return folder === undefined ? undefined : clientsIn(folder)
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
