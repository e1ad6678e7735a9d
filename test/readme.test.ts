import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settingNames } from '../src/config/setting-names.ts'
import { readConfig } from '../src/config.ts'
import { createLiveNumbers } from '../src/dev/live-numbers.ts'
import { createDevPages } from '../src/dev/pages.ts'
import { createSilentTelemetry } from '../src/telemetry/telemetry.ts'
import { documents, ways } from './harness/document-ways.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { type Block, codeSpans, readDocument } from './harness/markdown.ts'
import { project } from './harness/programs.ts'
import { web } from './harness/running-gateway.ts'
import { type SigningGateway, startSigningGateway } from './harness/signing-gateway.ts'

const readme = readDocument('README.md')
const numbers = createLiveNumbers(createSilentTelemetry()).read
const devPages = createDevPages({ emulatorUrl: 'http://localhost:4001', numbers })

let gateway: SigningGateway

beforeAll(async () => {
  const channels = JSON.stringify([web])
  const settings = { LINE_CHANNELS: channels, API_AUDIENCES: 'https://api.example,hasura', METRICS_PORT: '0' }
  gateway = await startSigningGateway(writeKeyFile(), settings, { dev: () => ({ tabs: [], pages: devPages }) })
})
afterAll(() => gateway.close())

describe('the fenced blocks of the documents', () => {
  const blocks = documents.flatMap((file) => readDocument(file).blocks).filter((block) => !isMarkedAsNotRun(block))

  it('each one: has one way to run, or "Not run here" before it', () => {
    expect(blocks.map(({ id }) => id).sort()).toEqual(Object.keys(ways).sort())
  })

  it.each(blocks.map((block) => [block.id, block] as const))('%s', async (id, block) => {
    await ways[id]?.(block, gateway)
  })
})

describe('the links of the documents', () => {
  it.each(documents)('%s: each file and heading exists, each picture has a text', (file) => {
    const { links, text } = readDocument(file)
    const broken = links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(file, link))
    expect(broken).toEqual([])
    expect(text).not.toMatch(/!\[\]|<img(?![^>]* alt="\w)/)
  })

  it.each(documents)('%s: each npm command exists', (file) => {
    const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    const { blocks, prose } = readDocument(file)
    const code = [...blocks.map(({ text }) => text), ...codeSpans(prose)].join('\n')
    const named = [...code.matchAll(/\bnpm (?:run (?:-s )?)?([\w:]+)/g)].map(([, name = '']) => name)
    const unknown = named.filter((name) => !['ci', 'install', 'scripts'].includes(name) && !(name in scripts))
    expect(unknown).toEqual([])
  })
})

describe('the Japanese section', () => {
  it('has the commands, the first query, its answer and the codes of the English text', () => {
    const blocks = (heading: string) =>
      readme.blocks.filter((block) => block.heading === heading).map(({ text }) => text)
    expect(blocks('日本語')).toEqual(blocks('Try it'))
    expect(codesIn('日本語').sort()).toEqual(codesIn('Errors').sort())
  })
})

describe('the tables of the README', () => {
  it('settings: all of them, and no other', () => {
    expect(
      settingRows()
        .flatMap(({ names }) => names)
        .sort(),
    ).toEqual([...settingNames].sort())
  })

  const withDefault = settingRows().flatMap(({ names, defaults }) =>
    names.map((name, at) => [name, simpleValue(defaults.split(', ')[at] ?? '')] as const),
  )
  it.each(withDefault.filter(([, value]) => value !== undefined && !isSetting(value)))(
    '%s: the default is %s',
    (name, value = '') => {
      const channel = { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret }
      const configWith = (more: NodeJS.ProcessEnv) => {
        try {
          return readConfig({ ...channel, ...more })
        } catch (error) {
          return String(error)
        }
      }
      expect(configWith({ [name]: value })).toEqual(configWith({}))
      expect(configWith({ [name]: /^\d+$/.test(value) ? String(Number(value) + 1) : 'other' })).not.toEqual(
        configWith({}),
      )
    },
  )

  it('errors: the codes of the gateway, and no other', () => {
    const tables = codesIn('Errors')
    expect([...new Set(tables)].sort()).toEqual(codesOfTheGateway())
  })

  it('reasons: those of the schema and of ID tokens', () => {
    const [, refusals = ''] = /^enum TokenRefusal \{([\s\S]*?)^\}/m.exec(fileText('schema.graphql')) ?? []
    const ofTokens = [...refusals.matchAll(/^ {2}([A-Z_]+)$/gm)].map(([, reason = '']) => reason)
    const rows = rowsUnder('Errors')
    const named = rows.flatMap(([cell = '']) => /^`UNAUTHENTICATED`, `(\w+)`/.exec(cell)?.[1] ?? [])
    expect(named.sort()).toEqual(['MISSING', ...ofTokens].sort())

    const [, union = ''] = /export type IdTokenRefusal =([\s|'A-Z_]+)/.exec(fileText('src/line/errors.ts')) ?? []
    const ofIdTokens = [...union.matchAll(/'(\w+)'/g)].map(([, reason = '']) => reason)
    const [, text = ''] = rows.find(([code]) => code === '`INVALID_ID_TOKEN`') ?? []
    expect(
      codeSpans(text)
        .filter((code) => code !== 'reason')
        .sort(),
    ).toEqual(ofIdTokens.sort())
  })

  it('paths: each one is answered, and each one of the server is named', async () => {
    const named = rowsUnder('Operate')
      .flatMap(([cell = '']) => codeSpans(cell))
      .filter((code) => code.includes('/'))
    const paths = named.map((code) => code.replace(/^(GET|POST) /, ''))
    for (const path of paths.filter((path) => !path.endsWith('…'))) {
      const base = path === '/metrics' ? (gateway.metricsUrl ?? '') : gateway.url
      expect((await fetch(base + path, { redirect: 'manual' })).status, path).not.toBe(404)
    }
    const isNamed = (path: string) =>
      paths.some((name) => name === path || (name.endsWith('/…') && path.startsWith(name.slice(0, -1))))
    expect([...pathsOfTheServer(), ...devPages.keys()].filter((path) => !isNamed(path))).toEqual([])
  })
})

function isMarkedAsNotRun({ before, text }: Block): boolean {
  return /Not run here/.test(before) || /(?:#|\/\/) Not run here/.test(text)
}

function leadsSomewhere(file: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? file : join(dirname(file), path)
  if (!existsSync(join(project, target))) return false
  return anchor === undefined || readDocument(target).anchors.includes(anchor)
}

function rowsUnder(heading: string): readonly (readonly string[])[] {
  return readme.tables.filter((table) => table.heading === heading).flatMap(({ rows }) => rows)
}

/** The codes in the first column of the tables. A code with several reasons has several rows. */
function codesIn(heading: string): string[] {
  const cells = rowsUnder(heading).map(([cell = '']) => cell)
  const withoutReasons = cells.map((cell) => cell.replace(/^(`UNAUTHENTICATED`), `\w+`.*/, '$1'))
  const codes = withoutReasons.flatMap((cell) => codeSpans(cell.split(':')[0] ?? ''))
  return [...new Set(codes)]
}

/** The codes in `extensions.code`, as `src/` has them. */
function codesOfTheGateway(): string[] {
  const folders = ['graphql', 'schema', 'login', 'tokens', 'line', 'http']
  const texts = folders.flatMap((folder) =>
    readdirSync(join(project, 'src', folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => fileText(`src/${folder}/${file}`)),
  )
  const code = /\bcode(?:: | = )[^'\n]*'([A-Z_]{4,})'(?: : '([A-Z_]+)')?/g
  const found = texts.flatMap((text) => [...text.matchAll(code)].flatMap(([, one, other]) => [one, other]))
  return [...new Set(found.filter((code) => code !== undefined))].sort()
}

/** The paths that the server compares a request with. */
function pathsOfTheServer(): string[] {
  const endpoints = readdirSync(join(project, 'src/endpoints')).map((file) => `src/endpoints/${file}`)
  const found = ['src/server.ts', ...endpoints].flatMap((file) => [...fileText(file).matchAll(/'(\/[a-z.][\w./-]*)'/g)])
  const paths = [...new Set(found.map(([, path = '']) => path))]
  expect(paths).toEqual(expect.arrayContaining(['/graphql', '/health', '/auth', '/oauth/token', '/metrics']))
  return paths
}

function settingRows() {
  const isRow = ([cell = '']: readonly string[]) => /^`[A-Z_]+`/.test(cell)
  return rowsUnder('Settings')
    .filter(isRow)
    .map(([cell = '', defaults = '']) => ({ names: codeSpans(cell), defaults }))
}

const isSetting = (name: string) => settingNames.some((known) => known === name)

/** A number, or a value in a code span. Other defaults are explained in words. */
function simpleValue(text: string): string | undefined {
  return /^(?:(\d+)|`([^`]+)`)(?: \(.*\))?$/.exec(text)?.slice(1).find(Boolean)
}

function fileText(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}
