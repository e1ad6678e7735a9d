import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readChangelog } from '../../src/release/changelog.ts'
import { version } from '../../src/version.ts'
import { project } from '../harness/programs.ts'

describe('CHANGELOG.md', () => {
  const { sections, problems } = readChangelog(readFileSync(join(project, 'CHANGELOG.md'), 'utf8'))

  it('has the format of Keep a Changelog', () => {
    expect(problems).toEqual([])
  })

  it('the version of package.json is the newest one', () => {
    expect(sections[1]).toMatchObject({ name: version })
  })
})

describe('a changelog', () => {
  const right =
    '# Changelog\n\n## [Unreleased]\n\n## [1.1.0] - 2026-02-28\n\n### Added\n\n- One.\n- Two.\n\n### Fixed\n\n- Three.\n\n## [1.0.0] - 2025-12-31\n'

  it('its sections: with their dates and the number of entries', () => {
    expect(readChangelog(right)).toEqual({
      sections: [
        { name: 'Unreleased', date: undefined, entries: 0 },
        { name: '1.1.0', date: '2026-02-28', entries: 3 },
        { name: '1.0.0', date: '2025-12-31', entries: 0 },
      ],
      problems: [],
    })
  })

  it.each([
    ['a day that is not there', '2026-02-28', '2026-02-29', '[1.1.0] - 2026-02-29'],
    ['another form of a date', '2026-02-28', '28.2.2026', '28.2.2026'],
    ['a version without a date', ' - 2026-02-28', '', '"## [1.1.0]"'],
    ['a version without brackets', '[1.1.0]', '1.1.0', '"## 1.1.0 - 2026-02-28"'],
    ['another heading', '### Fixed', '### Bugs', 'Bugs'],
    ['a heading twice', '### Fixed', '### Added', '"Added" is there twice'],
    ['no place for what comes', '## [Unreleased]\n', '', '[Unreleased]'],
    ['an older version first', '2026-02-28', '2025-11-30', 'newest'],
  ])('%s: a problem', (_, part, other, problem) => {
    expect(readChangelog(right.replace(part, other)).problems).toEqual([expect.stringContaining(problem)])
  })
})
