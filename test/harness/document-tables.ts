import { codeSpans, readDocument } from './markdown.ts'

export const readme = readDocument('README.md')

/** The rows of all tables of the README below a heading. */
export function rowsUnder(heading: string): readonly (readonly string[])[] {
  return readme.tables.filter((table) => table.heading === heading).flatMap(({ rows }) => rows)
}

/** The codes in the first column of the tables. A code with several reasons has several rows. */
export function codesIn(heading: string): string[] {
  const cells = rowsUnder(heading).map(([cell = '']) => cell)
  const withoutReasons = cells.map((cell) => cell.replace(/^(`UNAUTHENTICATED`), `\w+`.*/, '$1'))
  const codes = withoutReasons.flatMap((cell) => codeSpans(cell.split(':')[0] ?? ''))
  return [...new Set(codes)]
}

/** The settings, and their defaults in the words of the README. */
export function settingRows() {
  const isRow = ([cell = '']: readonly string[]) => /^`[A-Z_]+`/.test(cell)
  return rowsUnder('Settings')
    .filter(isRow)
    .map(([cell = '', defaults = '']) => ({ names: codeSpans(cell), defaults }))
}

/** The default of a setting, as its row says. */
export function defaultOf(setting: string): string | undefined {
  const row = settingRows().find(({ names }) => names.includes(setting))
  return simpleValue(row?.defaults.split(', ')[row.names.indexOf(setting)] ?? '')
}

/** A number, or a value in a code span. Other defaults are explained in words. */
export function simpleValue(text: string): string | undefined {
  return /^(?:(\d+)|`([^`]+)`)(?: \(.*\))?$/.exec(text)?.slice(1).find(Boolean)
}
