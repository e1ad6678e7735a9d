import { type Html, html } from './html.ts'
import type { LineResponse } from './line-response.ts'
import type { OwnFile } from './own-files.ts'

export type PageOptions = {
  readonly status?: number
  /** A grid of cards instead of one card. */
  readonly wide?: boolean
  readonly script?: Extract<OwnFile, `${string}.js`>
}

/** An HTML page of the emulator. It loads files of the emulator only. */
export function page(
  title: string,
  content: Html,
  { status = 200, wide = false, script }: PageOptions = {},
): LineResponse {
  const { markup } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · LINE emulator</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/emulator/style.css">
${script === undefined ? html`` : html`<script type="module" src="/emulator/${script}"></script>`}
</head>
<body><main${{ markup: wide ? ' class="wide"' : '' }}>${content}</main></body>
</html>
`
  return { status, headers: pageHeaders, body: markup }
}

const pageHeaders = {
  'content-type': 'text/html;charset=UTF-8',
  'content-security-policy': [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  // With no-referrer, browsers do not say that a form of ours is ours.
  'referrer-policy': 'same-origin',
}
