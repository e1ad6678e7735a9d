import { expect, it } from 'vitest'
import { type ReleaseFacts, releaseProblems } from '../../src/release/release-problems.ts'

const good: ReleaseFacts = {
  packageJson: '{ "version": "1.1.0" }',
  packageLock: '{ "version": "1.1.0", "packages": { "": { "version": "1.1.0" } } }',
  changelog: '## [Unreleased]\n\n## [1.1.0] - 2026-02-28\n\n### Added\n\n- One.\n',
  schema: 'type Query { a: ID }',
  releasedSchema: 'type Query { a: ID }',
  acceptedChanges: '[]\n',
  status: '',
  tags: 'v1.0.0\nv1.1.0-rc.1\n',
}

it('a tree that is ready: no problem', () => {
  expect(releaseProblems(good)).toEqual([])
})

it.each<[string, Partial<ReleaseFacts>, RegExp]>([
  ['changes that are not committed', { status: ' M src/main.ts\n' }, /^git: /],
  ['a version that is released', { tags: 'v1.0.0\nv1.1.0\n' }, /^package\.json: 1\.1\.0 has a tag/],
  [
    'another version in the lock file',
    { packageLock: good.packageLock.replace('1.1.0', '1.0.0') },
    /^package-lock\.json: /,
  ],
  ['a lock file whose own package is another', { packageLock: '{ "version": "1.1.0" }' }, /^package-lock\.json: /],
  ['no section of the version', { changelog: good.changelog.replace('1.1.0', '1.0.9') }, /is not 1\.1\.0/],
  ['a section without entries', { changelog: good.changelog.replace('- One.', '') }, /has no entries/],
  [
    'entries that are left',
    { changelog: good.changelog.replace('ed]\n', 'ed]\n\n- Two.\n') },
    /"Unreleased" has entries/,
  ],
  ['a wrong changelog', { changelog: good.changelog.replace('Added', 'New') }, /"New": expected/],
  ['the schema of the release before', { releasedSchema: 'type Query { b: ID }' }, /released\.graphql: /],
  ['accepted changes', { acceptedChanges: '["Field Query.b was removed."]' }, /accepted\.json: /],
])('%s: a problem that names the file', (_, facts, problem) => {
  expect(releaseProblems({ ...good, ...facts })).toEqual([expect.stringMatching(problem)])
})

it('several problems: all are named', () => {
  expect(releaseProblems({ ...good, status: '?? new.ts\n', acceptedChanges: '["x"]' })).toHaveLength(2)
})
