import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { DevPage } from '../endpoints/other-paths.ts'
import type { HeaderList, Reply } from '../http/send.ts'
import type { LiveNumbers } from './live-numbers.ts'

/** The path of the redirect URI of the demo logins. */
export const callbackPath = '/dev/callback'
/**
 * The state of the login page that `npm run dev` prints. That login has no verifier and no nonce, so nobody else may know the
 * state: a foreign page could log this browser in as another user.
 */
export const printedState = randomUUID()

export type PageFacts = {
  /** `http://HOST:PORT` of the emulator, as the browser reaches it. */
  readonly emulatorUrl: string
  /** What `/dev/numbers` answers as JSON. */
  readonly numbers?: () => LiveNumbers
}

/** The pages of `npm run dev` and the files that they load, by path. `/` leads to the demo page. */
export function createDevPages({ emulatorUrl, numbers }: PageFacts): ReadonlyMap<string, DevPage> {
  const facts = { emulatorUrl, printedState }
  const demo = htmlFile('demo.html', facts, ` ${emulatorUrl}`)
  const callback = htmlFile('callback.html', facts)
  const address = reply(`export const emulatorUrl = ${JSON.stringify(emulatorUrl)}\n`, types.js)
  return new Map<string, DevPage>([
    ['/', { get: () => toDemo }],
    ['/dev/demo', { get: () => demo }],
    [callbackPath, { get: () => callback, other: noFormPost }],
    ['/dev/numbers', { get: () => reply(JSON.stringify(numbers?.() ?? null), 'application/json') }],
    ['/dev/emulator-url.js', { get: () => address }],
    ...filesIn('pages/'),
    // One design and one way to watch for these pages and the emulator's.
    ...filesIn('../emulator/pages/').filter(([path]) => ['/dev/style.css', '/dev/watch.js'].includes(path)),
  ])
}

const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' }

/** The modules and style sheets of a folder. They are read now, so that a path never chooses a file. */
function filesIn(folder: string): [string, DevPage][] {
  const url = new URL(folder, import.meta.url)
  const names = readdirSync(url).filter((name) => /\.(?:css|js)$/.test(name))
  return names.map((name) => {
    const answer = reply(readFileSync(new URL(name, url), 'utf8'), name.endsWith('.css') ? types.css : types.js)
    return [`/dev/${name}`, { get: () => answer }]
  })
}

/** Relative, so that it works below a path prefix too. */
const toDemo: Reply = { status: 302, headers: ['location', 'dev/demo'], body: '' }

/** A browser shows this after a login with FORM_POST. */
const noFormPost: Reply = {
  status: 405,
  headers: ['allow', 'GET', 'content-type', 'text/plain; charset=utf-8'],
  body: 'This page answers GET only. For a login with responseMode FORM_POST you need a callback of your own.\n',
}

/** A page. `{{name}}` in it becomes the fact of that name. `more`: what it may call and show beside this server. */
function htmlFile(name: string, facts: Readonly<Record<string, string>>, more = ''): Reply {
  const text = readFileSync(new URL(`pages/${name}`, import.meta.url), 'utf8').replace(
    /\{\{(\w+)\}\}/g,
    (_, fact: string) => facts[fact] ?? '',
  )
  const headers = ['content-type', 'text/html; charset=utf-8', ...pageHeaders(more)]
  return { status: 200, headers, body: text }
}

function reply(body: string, type: string): Reply {
  return { status: 200, headers: ['content-type', type], body }
}

/** The pages load files of this server only. No other page can keep a handle of their window. */
function pageHeaders(more: string): HeaderList {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data:${more}`,
    `connect-src 'self'${more}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return [
    ...['content-security-policy', policy],
    ...['referrer-policy', 'no-referrer'],
    ...['cross-origin-opener-policy', 'same-origin'],
  ]
}
