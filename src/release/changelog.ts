/** A version of the changelog, or what is not released yet. */
export type Section = {
  readonly name: string
  /** ISO 8601. `undefined`: of `Unreleased`. */
  readonly date: string | undefined
  readonly entries: number
}

const kinds = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']

/**
 * Reads a changelog in the format of https://keepachangelog.com: its sections, newest first, and what is not as the format
 * says.
 */
export function readChangelog(text: string): {
  readonly sections: readonly Section[]
  readonly problems: readonly string[]
} {
  const problems: string[] = []
  const sections = text
    .split(/^(?=## )/m)
    .filter((part) => part.startsWith('## '))
    .map((part) => readSection(part, problems))
  if (sections[0]?.name !== 'Unreleased') problems.push('CHANGELOG.md: the first section is not "## [Unreleased]"')
  const dates = sections.flatMap(({ date }) => date ?? [])
  if (dates.join() !== dates.toSorted().reverse().join()) problems.push('CHANGELOG.md: the newest version is not first')
  return { sections, problems }
}

function readSection(part: string, problems: string[]): Section {
  const [heading = ''] = part.split('\n')
  const [, name = '', date] = /^## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\S+))?$/.exec(heading) ?? []
  const isRight = name === 'Unreleased' ? date === undefined : name !== '' && isDay(date)
  if (!isRight) problems.push(`CHANGELOG.md: "${heading}": expected "## [Unreleased]" or "## [1.2.3] - 2026-12-31"`)
  const found = [...part.matchAll(/^###+ (.*)$/gm)].map(([, kind = '']) => kind)
  for (const [index, kind] of found.entries()) {
    if (!kinds.includes(kind)) problems.push(`CHANGELOG.md: ${name}: "${kind}": expected one of ${kinds.join(', ')}`)
    if (found.indexOf(kind) < index) problems.push(`CHANGELOG.md: ${name}: "${kind}" is there twice`)
  }
  return { name, date, entries: part.match(/^- /gm)?.length ?? 0 }
}

/** A day of the calendar, as ISO 8601 writes it. */
function isDay(text = ''): boolean {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text
}
