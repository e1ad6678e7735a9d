import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './programs.ts'

/** A fenced block. `before` is the paragraph above it. */
export type Block = {
  readonly heading: string
  readonly language: string
  readonly text: string
  readonly before: string
  /** Heading, language and the first 40 characters: how a test names it. */
  readonly id: string
}

export type Table = { readonly heading: string; readonly rows: readonly (readonly string[])[] }

export type Document = {
  /** Without the fenced blocks. */
  readonly prose: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: readonly string[]
  readonly links: readonly string[]
  readonly tables: readonly Table[]
}

/** Reads a file of the project. `file` is relative to its root. */
export function readDocument(file: string): Document {
  return parseDocument(readFileSync(join(project, file), 'utf8'))
}

/** A `<summary>` is a heading too. Throws at a block or a table that it would miss: our documents write them in one way. */
export function parseDocument(text: string): Document {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '')
  const [blocks, tables] = [blocksIn(text), tablesIn(prose)]
  const fences = text.match(/^[ \t>*+\d.)-]*(?:```|~~~)/gm)?.length ?? 0
  if (fences !== 2 * blocks.length) throw new Error('a fenced block: write ```word without indentation and title')
  const rules = prose.match(/^[ \t>]*\|?[ \t]*:?-+:?[ \t]*\|[ \t|:-]*$/gm)?.length ?? 0
  if (rules !== tables.length) throw new Error('a table: write |---|---| below its head, without spaces and colons')
  return {
    text,
    prose,
    blocks,
    anchors: [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, image]) => link ?? image ?? '',
    ),
    tables,
  }
}

/** The texts of the code spans in a piece of Markdown. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll('\n', ' '))
}

/** A table in Markdown, without a line break at its end. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const [first, ...others] = [head, ...rows].map((cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |'))
  return [first, `|${'---|'.repeat(head.length)}`, ...others].join('\n')
}

/** The text with this table in the place of the one that has the same head. */
export function withTable(text: string, table: string): string {
  const [head = ''] = table.split('\n')
  const begin = text.indexOf(`${head}\n`)
  if (begin < 0) throw new Error(`no table with the head ${head}`)
  const end = text.indexOf('\n\n', begin)
  return text.slice(0, begin) + table + (end < 0 ? '\n' : text.slice(end))
}

function blocksIn(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: content = '', index }) => {
    const above = text.slice(0, index)
    const heading = lastHeading(above)
    const [firstLine = ''] = content.split('\n')
    const before = above.trimEnd().split(/\n\n+/).at(-1) ?? ''
    return {
      heading,
      language,
      text: content,
      before,
      id: [heading, language, firstLine.trim().slice(0, 40).trim()].join(' › '),
    }
  })
}

function tablesIn(prose: string): Table[] {
  return [...prose.matchAll(/^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n?)+)/gm)].map(({ 1: rows = '', index }) => ({
    heading: lastHeading(prose.slice(0, index)),
    rows: rows.trim().split('\n').map(cellsOf),
  }))
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}

function lastHeading(above: string): string {
  const withoutBlocks = above.replace(/^```[\s\S]*?^```$/gm, '')
  return (
    [...withoutBlocks.matchAll(/^#+ (.+)$|<summary>(.+?)<\/summary>|^<\/details>()/gm)]
      .at(-1)
      ?.slice(1)
      .find(Boolean) ?? ''
  )
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-')
}
