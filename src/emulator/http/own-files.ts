import { readFileSync } from 'node:fs'
import type { LineResponse } from './line-response.ts'

/** The files that the emulator's pages load. */
export type OwnFile = keyof typeof types

const types = {
  'style.css': 'text/css;charset=UTF-8',
  'home.js': 'text/javascript;charset=UTF-8',
  'watch.js': 'text/javascript;charset=UTF-8',
  'submit.js': 'text/javascript;charset=UTF-8',
} as const

/** `/emulator/style.css` and the others. Undefined for another path. */
export function answerFile(path: string): LineResponse | undefined {
  const name = path.slice('/emulator/'.length)
  if (!path.startsWith('/emulator/') || !isOwnFile(name)) return undefined
  const body = readFileSync(new URL(`../pages/${name}`, import.meta.url), 'utf8')
  return { status: 200, headers: { 'content-type': types[name] }, body }
}

function isOwnFile(name: string): name is OwnFile {
  return Object.hasOwn(types, name)
}
