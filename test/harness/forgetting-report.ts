import { acts, lines, nameOf } from './forgetting-cells.ts'
import { type Finding, moments, type Outcome } from './forgetting-matrix.ts'

/** All that is wrong, one line a cell. */
export function faultsIn(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes
    .map(({ cell, alive, wronglyDead, untold }) => {
      const faults = [
        ...(alive.length > 0 ? [`alive: ${list(alive)}`] : []),
        ...(wronglyDead.length > 0 ? [`wrongly dead: ${list(wronglyDead)}`] : []),
        ...untold,
      ]
      return faults.length > 0 ? `${nameOf(cell)}: ${faults.join('; ')}` : ''
    })
    .filter((line) => line !== '')
    .sort()
}

function list(findings: readonly Finding[]): string {
  return [...new Set(findings.map(({ name, moment, use }) => (name === 'the act' ? use : `${name} ${moment}`)))].join(
    ', ',
  )
}

/** A row for each act and each state of LINE: how many cells have something alive, wrongly dead, untold or open. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = acts.flatMap((act) =>
    lines.map((line) => [
      act,
      line,
      ...countsOf(outcomes.filter(({ cell }) => cell.act === act && cell.line === line)),
    ]),
  )
  const heads = ['act', 'LINE', 'cells', 'alive', 'wrongly dead', 'LINE untold', 'stale', 'open']
  return aligned([heads, ...rows.filter(([, , cells]) => cells !== '0'), ['all', '', ...countsOf(outcomes)]])
}

function countsOf(outcomes: readonly Outcome[]): string[] {
  const having = (kind: 'alive' | 'wronglyDead' | 'untold' | 'stale' | 'open') =>
    `${outcomes.filter((outcome) => outcome[kind].length > 0).length}`
  return [
    `${outcomes.length}`,
    having('alive'),
    having('wronglyDead'),
    having('untold'),
    having('stale'),
    having('open'),
  ]
}

/** What happens to the credentials for which the contract leaves it open: first and last, in how many cells. */
export function openTableOf(outcomes: readonly Outcome[]): string {
  const rows = new Map<string, Map<string, number>>()
  for (const { cell, open } of outcomes) {
    for (const name of new Set(open.map((finding) => finding.name))) {
      const row = `${cell.act}|${cell.line}|${name}`
      const counts = rows.get(row) ?? new Map<string, number>()
      rows.set(row, counts)
      const course = courseOf(open.filter((finding) => finding.name === name))
      counts.set(course, (counts.get(course) ?? 0) + 1)
    }
  }
  const lines = [...rows].map(([row, counts]) => [...row.split('|'), coursesIn(counts)])
  return aligned([['act', 'LINE', 'credential', 'first, then in the end (cells)'], ...lines.sort(byText)])
}

function courseOf(findings: readonly Finding[]): string {
  const wordAt = (moment: Finding['moment'] | undefined) => {
    const reactions = findings.filter((finding) => finding.moment === moment).map(({ reaction }) => reaction)
    return (['served', 'refused', 'unavailable'] as const).find((word) => reactions.includes(word))
  }
  const first = moments.find((moment) => findings.some((finding) => finding.moment === moment))
  return `${wordAt(first)}, ${wordAt('in the end')}`
}

function coursesIn(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort()
    .map(([course, cells]) => `${course} (${cells})`)
    .join('; ')
}

function byText(one: readonly string[], other: readonly string[]): number {
  return one.join().localeCompare(other.join())
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
