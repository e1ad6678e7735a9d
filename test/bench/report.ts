import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { type Figure, goalText, type Section, spreadText, valueText, verdictOf } from './figures.ts'
import { loadGenerator } from './load.ts'
import { cores } from './processes.ts'
import { nodeVersion } from './subjects.ts'

const head = ['measure', 'median', 'spread (rounds)', 'target', 'stretch target', '']

/** For the terminal. */
export function plainReport(sections: readonly Section[]): string {
  return sections
    .map(({ title, how, figures, details }) => {
      const tables = [figures.length === 0 ? how : columns([head, ...figures.map(row)])]
      if (details !== undefined) tables.push(columns([details.head, ...details.rows]))
      return `${title}\n\n${tables.join('\n\n')}\n`
    })
    .join('\n')
}

/** For results.md. */
export function markdownReport(sections: readonly Section[], circumstances: readonly string[]): string {
  const parts = sections.map(({ title, how, figures, details }) => {
    const tables = figures.length === 0 ? [] : [markdownTable(head, figures.map(row))]
    if (details !== undefined) tables.push(markdownTable(details.head, details.rows))
    return [`### ${title}`, how, ...tables].join('\n\n')
  })
  const facts = circumstances.map((fact) => `- ${fact}`).join('\n')
  return `${['<!-- Written by `npm run bench`. -->', '![CPU time of one hot request, against the baseline](results.svg)', facts, ...parts].join('\n\n')}\n`
}

/** The date, the machine and the versions. Called at the start of a run, because of the load average. */
export function circumstancesOf(date: Date): string[] {
  const peers = JSON.parse(readFileSync(join(import.meta.dirname, 'peers/package.json'), 'utf8')).dependencies
  const own = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).dependencies
  const model = cpus()[0]?.model ?? 'unknown CPU'
  const [load = 0] = loadavg()
  const places = cores.pinned
    ? `server on core ${cores.server}, load on core ${cores.load}, fake LINE server on core ${cores.line}`
    : 'not pinned to cores'
  const versions = (list: Record<string, string>, names: readonly string[]) =>
    names.map((name) => `${name} ${list[name]}`).join(', ')
  return [
    `${date.toISOString().slice(0, 10)}, ${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, load average at the start ${load.toFixed(2)}${load > cpus().length / 2 ? ' (the machine is busy: the rounds differ more, and latency and throughput are not reliable)' : ''}`,
    `Node ${nodeVersion}, load from ${loadGenerator}, ${places}`,
    `gateway: ${versions(own, ['graphql', 'graphql-yoga', 'undici', 'lru-cache', 'ioredis'])}`,
    `peers: ${versions(peers, ['mercurius', 'fastify', '@apollo/server', 'graphql-yoga', 'graphql', 'undici'])}`,
  ]
}

function row(figure: Figure): string[] {
  const { target, stretch } = goalText(figure)
  const words = { stretch: 'both met', met: 'met', missed: '**missed**' }
  const verdict = verdictOf(figure)
  return [
    figure.name,
    valueText(figure),
    spreadText(figure),
    target,
    stretch,
    verdict === undefined ? '' : words[verdict],
  ]
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)))
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
