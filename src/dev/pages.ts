import { readFileSync } from 'node:fs'
import type { HeaderList, Reply } from '../http/send.ts'
import type { DevPage } from '../server.ts'
import type { LiveNumbers } from './live-numbers.ts'

/** The path of the redirect URI of the demo logins. */
export const callbackPath = '/dev/callback'
/** The state of the login page that `npm run dev` prints. That login has no verifier and no nonce. */
export const printedState = 'demo'

export type PageFacts = {
  /** `http://HOST:PORT` of the emulator, as the browser reaches it. */
  readonly emulatorUrl: string
  /** What `/dev/numbers` answers as JSON. */
  readonly numbers?: () => LiveNumbers
}

/** The pages of `npm run dev` and the files that they load, by path. `/` leads to the demo page. */
export function createDevPages({ emulatorUrl, numbers }: PageFacts): ReadonlyMap<string, DevPage> {
  const facts = { emulatorUrl, printedState }
  const files = {
    '/dev/demo': htmlFile('demo.html', facts),
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
    '/dev/watch.js': file('pages/watch.js', 'text/javascript'),
    '/dev/live.js': file('pages/live.js', 'text/javascript'),
    '/dev/live-chart.js': file('pages/live-chart.js', 'text/javascript'),
    '/dev/callback.js': file('pages/callback.js', 'text/javascript'),
    '/dev/callback-session.js': file('pages/callback-session.js', 'text/javascript'),
    '/dev/graphiql.css': file('pages/graphiql.css', 'text/css'),
    '/dev/graphiql.js': file('pages/graphiql.js', 'text/javascript'),
    '/dev/graphiql-bar.js': file('pages/graphiql-bar.js', 'text/javascript'),
    '/dev/graphiql-tabs.js': file('pages/graphiql-tabs.js', 'text/javascript'),
    '/dev/graphiql-answers.js': file('pages/graphiql-answers.js', 'text/javascript'),
  }
  const pages = Object.entries(files).map(([path, reply]): [string, DevPage] => [path, () => reply])
  return new Map([['/', () => toDemo], ['/dev/numbers', () => json(numbers?.() ?? null)], ...pages])
}

/** Relative, so that it works below a path prefix too. */
const toDemo: Reply = { status: 302, headers: ['location', 'dev/demo'], body: '' }

function json(value: unknown): Reply {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) }
}

type Facts = Readonly<Record<string, string>> & { readonly emulatorUrl: string }

/** A page. `{{name}}` in it becomes the fact of that name. */
function htmlFile(name: string, facts: Facts): Reply {
  const text = readText(`pages/${name}`).replace(/\{\{(\w+)\}\}/g, (_, fact: string) => facts[fact] ?? '')
  const headers = ['content-type', 'text/html; charset=utf-8', ...pageHeaders(facts.emulatorUrl)]
  return { status: 200, headers, body: text }
}

function file(name: string, type: string): Reply {
  return { status: 200, headers: ['content-type', `${type}; charset=utf-8`], body: readText(name) }
}

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

/** The pages load files of this server only. They may also call the emulator and show its pictures. */
function pageHeaders(emulatorUrl: string): HeaderList {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data: ${emulatorUrl}`,
    `connect-src 'self' ${emulatorUrl}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return ['content-security-policy', policy, 'referrer-policy', 'no-referrer']
}
