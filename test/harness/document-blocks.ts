import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, vi } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { checkKeyFile } from '../../src/login/signing-key-file.ts'
import { curlsIn } from './curl.ts'
import type { Block } from './markdown.ts'
import { project } from './programs.ts'
import type { SigningGateway } from './signing-gateway.ts'

/** How a fenced block of a document is run. It rejects if the block does not do what the document says. */
export type Way = (block: Block, gateway: SigningGateway) => void | Promise<void>

/** The block is a part of a file, which a test runs. The indentation may differ. */
export function partOf(file: string, test: string): Way {
  return ({ text }) => {
    expect(unindented(read(file))).toContain(unindented(text))
    expect(testsIn(test)).toContain(basename(file))
  }
}

/** Another test runs it, or compares it: the beginning of that test's title. */
export function testedBy(file: string, title: string): Way {
  return () => expect(testsIn(file)).toMatch(new RegExp(`^ *it\\('${title}`, 'm'))
}

/** A script has this line. */
export function lineOf(file: string): Way {
  return ({ text }) => expect(read(file).split('\n')).toContain(text.trim())
}

/** A file, which a test runs, has these lines in this order, and others between them. Comments after a line may differ. */
export function linesOf(file: string): Way {
  return ({ text }) => {
    const lines = read(file)
      .split('\n')
      .map((line) => line.trim())
    let at = -1
    for (const line of text.split('\n').map((one) => one.replace(/ #.*/, '').trim())) {
      at = lines.indexOf(line, at + 1)
      expect(at, line).toBeGreaterThanOrEqual(0)
    }
  }
}

type Variables = Readonly<Record<string, unknown>>

/** A GraphQL operation: every root field has an answer. */
export function operation(variables: (gateway: SigningGateway) => Variables | Promise<Variables> = () => ({})): Way {
  return async ({ text }, gateway) => {
    const { accessToken } = gateway.issue()
    const { data, errors } = await gateway.ask(text, { token: accessToken, variables: await variables(gateway) })
    expect(errors).toEqual([])
    for (const field of Object.values(data ?? {})) expect(field).not.toBeNull()
  }
}

/** The whole answer to a query of the demo user. */
export function answerTo(query: string): Way {
  return async ({ text }, gateway) => {
    const answer = await gateway.ask(query, { token: gateway.issue().accessToken })
    expect(JSON.parse(answer.text)).toEqual(JSON.parse(text))
  }
}

/**
 * Commands with `curl`, at least one: each one succeeds. `$TOKEN` is a demo user's, if the block does not set it. `check` looks
 * at the JSON of the answers, or at what they have changed.
 */
export function curls(check?: (answers: readonly unknown[], gateway: SigningGateway) => void | Promise<void>): Way {
  return async ({ text }, gateway) => {
    const here = text
      .replaceAll('http://localhost:4000', gateway.url)
      .replaceAll('https://gateway.example', gateway.url)
      .replaceAll('http://localhost:4001', gateway.emulator.url)
    const environment: Record<string, string> = { TOKEN: gateway.issue().accessToken }
    const answers: unknown[] = []
    for (const { request, pipe } of curlsIn(here)) {
      const answer = await answerTextOf(request(environment))
      if (pipe) environment[pipe.name] = pipe.read(answer)
      else answers.push(jsonIn(answer))
    }
    expect(answers).not.toEqual([])
    await check?.(answers, gateway)
  }
}

/** A module of a front end whose access token has expired: it shows the user, and has new tokens. */
export const frontEnd: Way = async ({ text }, gateway) => {
  const { accessToken, refreshToken } = gateway.issue()
  gateway.emulator.expireAccessToken(accessToken)
  const storage = new Map([['tokens', JSON.stringify({ accessToken, refreshToken })]])
  vi.stubGlobal('sessionStorage', {
    getItem: (name: string) => storage.get(name) ?? null,
    setItem: (name: string, value: string) => storage.set(name, value),
  })
  await inFolder(async (folder) => {
    const recipes = pathToFileURL(join(project, 'test/recipes/')).href
    const here = text.replace("'./", `'${recipes}`).replace('http://localhost:4000', gateway.url)
    writeFileSync(join(folder, 'front-end.mjs'), `${here}\nexport { data, errors }\n`)
    const { data, errors } = await import(pathToFileURL(join(folder, 'front-end.mjs')).href)
    expect({ data, errors }).toEqual({ data: { viewer: { displayName: 'Sakura Tanaka' } } })
  })
  vi.unstubAllGlobals()
  expect(JSON.parse(storage.get('tokens') ?? '').accessToken).not.toBe(accessToken)
}

/**
 * A shell block that sets settings. The shell runs it in an empty folder, where `npm run keys` is the real one and `npm start`
 * only takes the settings: they must be good ones.
 */
export const settings: Way = ({ text }) =>
  inFolder(async (folder) => {
    const script = (name: string, lines: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
    script('npm', 'if [ "$2" = keys ]; then shift 2; exec "$NODE" "$KEYS" "$@"; else env >started; fi')
    script('openssl', 'printf 0123456789abcdef0123456789abcdef')
    const env = {
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      NODE: process.execPath,
      KEYS: join(project, 'src/keys.ts'),
    }
    const command = `${text}\n[ -f started ] || env >started\n`
    await promisify(execFile)('sh', ['-eu', '-c', command], { cwd: folder, env })
    const given = readFileSync(join(folder, 'started'), 'utf8').split('\n').map(settingIn)
    const channel = { LINE_CHANNEL_ID: '2000000001', LINE_CHANNEL_SECRET: '0123456789abcdef0123456789abcdef' }
    const started = { ...channel, ...Object.fromEntries(given) }
    const config = readConfig(started, { checkKeyFile: (path) => checkKeyFile(join(folder, path)) })
    expect(config.warnings).toEqual([])
  })

/** Gives it an empty folder, which is removed afterwards. */
async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'readme-'))
  try {
    await act(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function answerTextOf(request: Request): Promise<string> {
  const response = await fetch(request)
  const text = await response.text()
  expect(response.status, text).toBeLessThan(300)
  return text
}

function jsonIn(text: string): unknown {
  const answer = text === '' ? undefined : JSON.parse(text)
  expect(answer?.errors).toBeUndefined()
  return answer
}

/** `…` in a document stands for a value of your own. */
function settingIn(line: string): [string, string] {
  const mark = line.indexOf('=')
  const [name, value] = [line.slice(0, mark), line.slice(mark + 1)]
  return [name, value === '…' ? '2000000001' : value]
}

function unindented(text: string): string {
  return text.replace(/^ +/gm, '')
}

/** The text of a test file in which no test is switched off. */
function testsIn(file: string): string {
  const text = read(file)
  expect(text).not.toMatch(/\b(?:it|test|describe\w*)\.(?:skip|todo)\b/)
  return text
}

function read(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}
