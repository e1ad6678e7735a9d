import { existsSync, globSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settingNames } from '../src/config/setting-names.ts'
import { readConfig } from '../src/config.ts'
import { createLiveNumbers } from '../src/dev/live-numbers.ts'
import { createDevPages } from '../src/dev/pages.ts'
import { lifetimeOf } from '../src/emulator/platform/user-tokens.ts'
import { createSilentTelemetry } from '../src/telemetry/telemetry.ts'
import { curlsIn } from './harness/curl.ts'
import {
  codesOfTheGateway,
  fileText,
  idTokenRefusals,
  numberIn,
  tokenRefusals,
  wordOfCode,
  wordsInCapitals,
  wordsOfTheCode,
} from './harness/document-facts.ts'
import { codesIn, defaultOf, readme, rowsUnder, settingRows, simpleValue } from './harness/document-tables.ts'
import { documents, ways } from './harness/document-ways.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { type Block, codeSpans, parseDocument, readDocument } from './harness/markdown.ts'
import { project } from './harness/programs.ts'
import { liff, web } from './harness/running-gateway.ts'
import { type SigningGateway, startSigningGateway } from './harness/signing-gateway.ts'

const numbers = createLiveNumbers(createSilentTelemetry()).read
const devPages = createDevPages({ emulatorUrl: 'http://localhost:4001', numbers })

/** With the audience of `npm run dev`, and with the settings that the README adds to it. */
let gateway: SigningGateway
let withMoreSettings: SigningGateway

beforeAll(async () => {
  const settings = { LINE_CHANNELS: JSON.stringify([web]), METRICS_PORT: '0' }
  gateway = await startSigningGateway(writeKeyFile(), settings, { dev: () => ({ tabs: [], pages: devPages }) })
  withMoreSettings = await startSigningGateway(writeKeyFile(), { ...settings, ...settingsOfDev() })
})
afterAll(() => Promise.all([gateway.close(), withMoreSettings.close()]))

describe('the fenced blocks of the documents', () => {
  const blocksOf = (file: string) => readDocument(file).blocks.filter((block) => !isMarkedAsNotRun(block))
  const blocks = documents.flatMap(blocksOf)
  const ofServices = blocksOf('test/recipes/services.md').map(({ id }) => id)

  it('each one: has one way to run, or "Not run here" before it', () => {
    expect(blocks.map(({ id }) => id).sort()).toEqual(Object.keys(ways).sort())
  })

  it.each(blocks.map((block) => [block.id, block] as const))('%s', async (id, block) => {
    await ways[id]?.(block, ofServices.includes(id) ? withMoreSettings : gateway)
  })

  it('README.md: an audience is asked for by its name only where API_AUDIENCES has it', async () => {
    const [field = ''] = codeSpans(readme.prose).filter((span) => span.startsWith('apiToken(audience'))
    const operation = `{ viewer { ${field} { token } } }`
    const askAt = (at: SigningGateway) => at.ask(operation, { token: at.issue().accessToken })
    expect((await askAt(withMoreSettings)).errors).toEqual([])
    expect((await askAt(gateway)).errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(readme.blocks.filter(({ text }) => text.includes('apiToken(audience'))).toEqual([])
  })
})

describe('what the tests cannot read', () => {
  const fences = {
    indented: '1. x\n   ```sh\n   rm\n   ```\n',
    'of tildes': '~~~sh\nrm\n~~~\n',
    'with a title': '```js title\nrm()\n```\n',
    'with a dash in the language': '```shell-session\nrm\n```\n',
    'with a space after the language': '```sh \nrm\n```\n',
    'with CRLF': '```sh\r\nrm\r\n```\r\n',
    'of four backticks': '````sh\nrm\n````\n',
  }
  it.each(Object.entries(fences))('a fenced block %s: refused', (_, text) => {
    expect(() => parseDocument(text)).toThrow('a fenced block')
    expect(() => parseDocument('| a |\n| :-- |\n| b |\n')).toThrow('a table')
  })

  it.each([
    'echo x',
    '  curl -s http://x/',
    'TOKEN=$(curl -s http://x/)',
    'curl -s http://x/ | sh',
    'curl -k http://x/',
  ])('the line %s: refused', (line) => {
    expect(() => curlsIn(line).map(({ request }) => request({}))).toThrow(/curl/)
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
    const { scripts } = JSON.parse(fileText('package.json'))
    const { blocks, prose } = readDocument(file)
    const code = [...blocks.map(({ text }) => text), ...codeSpans(prose)].join('\n')
    const named = [...code.matchAll(/\bnpm (?:run (?:-s )?)?([\w:]+)/g)].map(([, name = '']) => name)
    const unknown = named.filter(
      (name) => !['ci', 'install', 'pack', 'scripts', 'version'].includes(name) && !(name in scripts),
    )
    expect(unknown).toEqual([])
  })

  it('README.md and CONTRIBUTING.md: each npm command for users and maintainers is named', () => {
    const text = fileText('README.md') + fileText('CONTRIBUTING.md')
    const scripts = [
      'dev',
      'test:long',
      'emulator',
      'codegen',
      'bench',
      'check',
      'keys',
      'check:line',
      'build',
      'release',
    ]
    const commands = ['npm test', 'npm start', ...scripts.map((name) => `npm run ${name}`)]
    expect(commands.filter((command) => !new RegExp(`${command}(?![\\w:])`).test(text))).toEqual([])
  })
})

describe('the words of the documents', () => {
  const [inCapitals, ofTheCode] = [wordsInCapitals(), wordsOfTheCode()]
  const isKnown = (word: string) =>
    /^[A-Z][A-Z_]{3,}$/.test(word) ? inCapitals.has(word) : ofTheCode.has(word) || ofTheCode.has(word.toLowerCase())

  it.each(documents.filter((file) => file !== 'CHANGELOG.md'))(
    '%s: the code knows each word in a code span',
    (file) => {
      const spans = codeSpans(readDocument(file).prose)
      const isPath = (span: string) => /^(?:src|test)\/[\w./*-]+$/.test(span)
      const words = spans.filter((span) => !isPath(span)).flatMap((span) => span.match(wordOfCode) ?? [])
      expect(words.filter((word) => !isKnown(word))).toEqual([])
      expect(
        spans.filter(isPath).filter((path) => globSync(path.replace(/\/$/, ''), { cwd: project }).length === 0),
      ).toEqual([])
      const keys = spans.flatMap((span) => /^npm run keys (\w+)/.exec(span)?.[1] ?? [])
      expect(keys.filter((command) => !['new', 'rotate'].includes(command))).toEqual([])
    },
  )

  it('README.md: each address on this machine is one of npm run dev, and is answered', async () => {
    const addresses = [...readme.text.matchAll(/localhost:(\d+)([\w/-]*)/g)]
    for (const [address, port = '', path = ''] of addresses) {
      expect(['4000', '4001'], address).toContain(port)
      const base = port === '4000' ? gateway.url : gateway.emulator.url
      if (!path.startsWith('/emulator/')) expect((await fetch(base + path)).status, address).not.toBe(404)
    }
    const controls = codeSpans(readme.prose).flatMap((span) => [...span.matchAll(/^([A-Z]+) (\/emulator\S+) ?(.*)$/g)])
    for (const [control, method = '', path = '', body] of controls) {
      const { status } = await fetch(gateway.emulator.url + path, { method, body: body || null })
      expect(body ? status < 300 : status !== 404, control).toBe(true)
    }
  })

  it('README.md: a number after a setting is its default', () => {
    const named = [...readme.prose.matchAll(/`([A-Z_]+)` \((\d+)\)/g)].map(([, name, value]) => [name, value])
    expect(named.length).toBeGreaterThan(2)
    expect(named).toEqual(named.map(([name = '']) => [name, name === 'EMULATOR_PORT' ? '4001' : defaultOf(name)]))
  })

  it('README.md: the limits and the times are those of the code', () => {
    const limit = (name: string) => numberIn('src/graphql/limits.ts', name).toLocaleString('en')
    const lexical = `${limit('characters')} characters, ${limit('tokens')} lexical tokens, ${limit('nodes')} nodes`
    const others = `${limit('depth')} levels, ${limit('aliases')} aliases, ${limit('rootFields')} root fields`
    expect(readme.text).toContain(`${lexical}, ${others}, ${limit('directives')} directives`)
    const [least, most] = /secret\) => .*\{(\d+),(\d+)\}/.exec(fileText('src/config/setting-rules.ts'))?.slice(1) ?? []
    expect(readme.text).toContain(`secrets of ${least} to ${Number(most).toLocaleString('en')} characters`)
    const toExit = Number(defaultOf('SHUTDOWN_DELAY_SECONDS')) + Number(defaultOf('SHUTDOWN_GRACE_SECONDS')) + 3
    expect(readme.text).toMatch(new RegExp(`the delay,\\s+the grace and 3 seconds before SIGKILL: ${toExit} seconds`))
  })
})

describe('the Japanese section', () => {
  it('has the commands, the first query, its answer and the codes of the English text', () => {
    const blocks = (heading: string) =>
      readme.blocks.filter((block) => block.heading === heading).map(({ text }) => text)
    expect(blocks('日本語')).toEqual(blocks('Try it'))
    expect(codesIn('日本語').sort()).toEqual(codesIn('Errors').sort())
  })

  it('names each reason of a refused token, and logs no user out in an outage', () => {
    const [, text = ''] = /<summary>日本語<\/summary>([\s\S]*?)<\/details>/.exec(readme.prose) ?? []
    expect(codeSpans(text)).toEqual(expect.arrayContaining(['MISSING', ...tokenRefusals()]))
    const [, advice = ''] = rowsUnder('日本語').find(([codes = '']) => codes.includes('`LINE_UNAVAILABLE`')) ?? []
    expect(advice).toContain('ログアウトさせず')
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
  it.each(withDefault.filter(([, value]) => value !== undefined && !settingNames.some((name) => name === value)))(
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
    const rows = rowsUnder('Errors')
    const named = rows.flatMap(([cell = '']) => /^`UNAUTHENTICATED`, `(\w+)`/.exec(cell)?.[1] ?? [])
    expect(named.sort()).toEqual(['MISSING', ...tokenRefusals()].sort())

    const [, text = ''] = rows.find(([code]) => code === '`INVALID_ID_TOKEN`') ?? []
    expect(
      codeSpans(text)
        .filter((code) => code !== 'reason')
        .sort(),
    ).toEqual(idTokenRefusals().sort())
  })

  it('errors: what each reason asks of a web client and of LIFF', () => {
    const advice = (code: string) => rowsUnder('Errors').find(([cell = '']) => cell.includes(code)) ?? []
    const outage = advice('`LINE_UNAVAILABLE`')
    expect([advice('`EXPIRED`')[1], advice('`REVOKED`')[1]]).toEqual([
      expect.stringContaining('refresh once'),
      'log in again',
    ])
    expect(advice('`EXPIRED`')[3]).toMatch(/`liff.logout\(\)`, then `liff.login\(\)`, once.*close the window/)
    expect(outage[1]).toMatch(/`retryAfter`.*stays logged in/)
    expect(outage[4]).toMatch(/503.*never 401/)
  })

  it('mobile and LIFF: its rows, and how long the tokens of LINE are valid', () => {
    const rows = new Map(rowsUnder('Mobile and LIFF').map(([name = '', ...cells]) => [name, cells]))
    const questions = ['recipe', 'type of the channel', 'what to send', 'how long it is valid', 'who refreshes']
    expect([...rows.keys()]).toEqual([...questions, 'what the SDK hides', '`channelId` in the input'])
    const days = `${lifetimeOf(web) / 86_400} days`
    const hours = [numberIn('src/emulator/platform/id-token.ts', 'LIFETIME_S'), lifetimeOf(liff)].map((s) => s / 3600)
    const ofLiff = `ID token ${hours[0]} hour, access token ${hours[1]} hours`
    expect(rows.get('how long it is valid')).toEqual([days, days, days, ofLiff])
    expect(rows.get('type of the channel')).toEqual(['`web`', '`native`', '`native`', '`liff`'])
  })

  it('recipes: each package that one imports is named beside it', () => {
    const rows = rowsUnder('The whole loop, to copy')
    for (const [, recipe = '', , packages = ''] of rows) {
      const text = fileText(`test/recipes/${/\[(.+?)\]/.exec(recipe)?.[1]}`)
      const imported = [...text.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, name = '']) => name)
      expect(codeSpans(packages)).toEqual(expect.arrayContaining(imported))
    }
    expect(rows).toHaveLength(3)
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

/** The settings of the command in the README that starts `npm run dev` with more of them. */
function settingsOfDev(): Record<string, string> {
  const [command = ''] = codeSpans(readme.prose).filter((span) => /^[A-Z_]+=.* npm run dev$/.test(span))
  const settings = [...command.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value])
  expect(settings).not.toEqual([])
  return Object.fromEntries(settings)
}

/** The paths that the server compares a request with. */
function pathsOfTheServer(): string[] {
  const endpoints = readdirSync(join(project, 'src/endpoints')).map((file) => `src/endpoints/${file}`)
  const found = ['src/server.ts', ...endpoints].flatMap((file) => [...fileText(file).matchAll(/'(\/[a-z.][\w./-]*)'/g)])
  const paths = [...new Set(found.map(([, path = '']) => path))]
  expect(paths).toEqual(expect.arrayContaining(['/graphql', '/health', '/auth', '/oauth/token', '/metrics']))
  return paths
}
