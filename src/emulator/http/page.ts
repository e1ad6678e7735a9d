import { createHash } from 'node:crypto'
import { type Html, html } from './html.ts'
import type { LineResponse } from './line-response.ts'

const style = `
:root { color-scheme: light dark; --ink: #1b1f23; --paper: #fff; --ground: #eef2f0; --rule: #d5dcd8; --quiet: #57605b; --green: #067a3a; --on-green: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecea; --paper: #1d2220; --ground: #121514; --rule: #39413d; --quiet: #a3ada8; --green: #3ddc84; --on-green: #06210f } }
* { box-sizing: border-box }
body { margin: 0; padding: 2rem 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground) }
main { max-width: 38rem; margin: 0 auto; padding: 1.5rem; background: var(--paper); border: 1px solid var(--rule); border-radius: .75rem }
main > :last-child { margin-bottom: 0 }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25 }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.05rem }
ul { list-style: none; margin: 0; padding: 0 }
li + li, button + button { margin-top: .5rem }
button.main { margin-top: 1rem }
button { display: block; width: 100%; min-height: 2.75rem; padding: .6rem 1rem; font: inherit; text-align: start; color: var(--ink); background: var(--paper); border: 1px solid var(--quiet); border-radius: .5rem; cursor: pointer }
button.main { color: var(--on-green); background: var(--green); border-color: var(--green); font-weight: 600 }
button:hover { border-color: var(--green) }
:focus-visible { outline: 3px solid var(--green); outline-offset: 2px }
label { display: block; padding: .4rem 0 }
a { color: var(--green) }
.note { color: var(--quiet); font-size: .9rem }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
th, td { padding: .35rem .5rem .35rem 0; text-align: start; vertical-align: top; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere }
code { font-size: .9em; overflow-wrap: anywhere }
`

const submitScript = 'document.forms[0].submit()'

/** An HTML page of the emulator. It loads no other resource. It runs a script only with `autoSubmit`. */
export function page(title: string, content: Html, { status = 200, autoSubmit = false } = {}): LineResponse {
  const script = autoSubmit ? html`<script>${{ markup: submitScript }}</script>` : html``
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · LINE emulator</title>
<link rel="icon" href="data:,">
<style>${{ markup: style }}</style>
</head>
<body><main>${content}</main>${script}</body>
</html>
`
  return { status, headers: pageHeaders, body: markup }
}

const pageHeaders = {
  'content-type': 'text/html;charset=UTF-8',
  'content-security-policy': [
    "default-src 'none'",
    `style-src ${sourceOf(style)}`,
    `script-src ${sourceOf(submitScript)}`,
    'img-src data:',
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
}

function sourceOf(content: string): string {
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
}
