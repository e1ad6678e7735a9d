import { readFileSync } from 'node:fs'

/** The version of this package, as `package.json` has it. The file is one folder up, from `src/` and from `dist/` alike. */
export const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}
