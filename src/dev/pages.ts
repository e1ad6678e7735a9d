import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { HeaderList, Reply } from '../http/send.ts'
import type { DevPage } from '../server.ts'
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
  const emulator = ` ${emulatorUrl}`
  const files = {
    '/dev/demo': htmlFile('demo.html', facts, emulator),
    [callbackPath]: htmlFile('callback.html', facts),
    '/dev/style.css': file('../emulator/pages/style.css', 'text/css'),
    '/dev/ask.js': file('pages/ask.js', 'text/javascript'),
    '/dev/session.js': file('pages/session.js', 'text/javascript'),
    '/dev/demo.js': file('pages/demo.js', 'text/javascript'),
    '/dev/demo-burst.js': file('pages/demo-burst.js', 'text/javascript'),
    '/dev/demo-card.js': file('pages/demo-card.js', 'text/javascript'),
    '/dev/demo-faults.js': file('pages/demo-faults.js', 'text/javascript'),
    '/dev/demo-line.js': file('pages/demo-line.js', 'text/javascript'),
    '/dev/demo-notice.js': file('pages/demo-notice.js', 'text/javascript'),
    '/dev/demo-viewer.js': file('pages/demo-viewer.js', 'text/javascript'),
    '/dev/watch.js': file('../emulator/pages/watch.js', 'text/javascript'),
    '/dev/live.js': file('pages/live.js', 'text/javascript'),
    '/dev/live-chart.js': file('pages/live-chart.js', 'text/javascript'),
    '/dev/storage.js': file('pages/storage.js', 'text/javascript'),
    '/dev/emulator-url.js': script(`export const emulatorUrl = ${JSON.stringify(emulatorUrl)}\n`),
    '/dev/callback.js': file('pages/callback.js', 'text/javascript'),
    '/dev/callback-session.js': file('pages/callback-session.js', 'text/javascript'),
    '/dev/graphiql.css': file('pages/graphiql.css', 'text/css'),
    '/dev/graphiql.js': file('pages/graphiql.js', 'text/javascript'),
    '/dev/graphiql-bar.js': file('pages/graphiql-bar.js', 'text/javascript'),
    '/dev/graphiql-tabs.js': file('pages/graphiql-tabs.js', 'text/javascript'),
    '/dev/graphiql-draft.js': file('pages/graphiql-draft.js', 'text/javascript'),
    '/dev/graphiql-headers.js': file('pages/graphiql-headers.js', 'text/javascript'),
    '/dev/graphiql-answers.js': file('pages/graphiql-answers.js', 'text/javascript'),
  }
  const pages = Object.entries(files).map(([path, reply]): [string, DevPage] => [path, { get: () => reply }])
  const callback: DevPage = { get: () => files[callbackPath], other: noFormPost }
  return new Map<string, DevPage>([
    ['/', { get: () => toDemo }],
    ['/dev/numbers', { get: () => json(numbers?.() ?? null) }],
    ...pages,
    [callbackPath, callback],
  ])
}

/** Relative, so that it works below a path prefix too. */
const toDemo: Reply = { status: 302, headers: ['location', 'dev/demo'], body: '' }

/** A browser shows this after a login with FORM_POST. */
const noFormPost: Reply = {
  status: 405,
  headers: ['allow', 'GET', 'content-type', 'text/plain; charset=utf-8'],
  body: 'This page answers GET only. For a login with responseMode FORM_POST you need a callback of your own.\n',
}

function json(value: unknown): Reply {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) }
}

/** A page. `{{name}}` in it becomes the fact of that name. `more`: what it may call and show beside this server. */
function htmlFile(name: string, facts: Readonly<Record<string, string>>, more = ''): Reply {
  const text = readText(`pages/${name}`).replace(/\{\{(\w+)\}\}/g, (_, fact: string) => facts[fact] ?? '')
  const headers = ['content-type', 'text/html; charset=utf-8', ...pageHeaders(more)]
  return { status: 200, headers, body: text }
}

function file(name: string, type: string): Reply {
  return { status: 200, headers: ['content-type', `${type}; charset=utf-8`], body: readText(name) }
}

function script(body: string): Reply {
  return { status: 200, headers: ['content-type', 'text/javascript; charset=utf-8'], body }
}

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
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
