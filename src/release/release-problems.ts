import { readChangelog } from './changelog.ts'

/** The files and the state of git that a release is made of, as texts. */
export type ReleaseFacts = {
  readonly packageJson: string
  readonly packageLock: string
  readonly changelog: string
  readonly schema: string
  /** The two files in `test/schema-changes/`. */
  readonly releasedSchema: string
  readonly acceptedChanges: string
  /** What `git status --porcelain` and `git tag` print. */
  readonly status: string
  readonly tags: string
}

/** What keeps the tree from being released, with what to do about it. */
export function releaseProblems(facts: ReleaseFacts): readonly string[] {
  const { version } = JSON.parse(facts.packageJson)
  const lock = JSON.parse(facts.packageLock)
  const { sections, problems } = readChangelog(facts.changelog)
  const [unreleased, newest] = sections
  const found: readonly (readonly [boolean, string])[] = [
    [facts.status !== '', 'git: the tree has changes: commit them, because the release is made of the commit'],
    [facts.tags.split('\n').includes(`v${version}`), `package.json: ${version} has a tag: raise the version`],
    [
      lock.version !== version || lock.packages?.['']?.version !== version,
      'package-lock.json: has another version than package.json: run npm install --package-lock-only',
    ],
    [
      newest?.name !== version,
      `CHANGELOG.md: the newest version is not ${version}: give its entries "## [${version}] - DATE"`,
    ],
    [unreleased?.entries !== 0, 'CHANGELOG.md: "Unreleased" has entries: move them to the version'],
    [newest?.entries === 0, `CHANGELOG.md: ${version} has no entries`],
    [
      facts.releasedSchema !== facts.schema,
      'test/schema-changes/released.graphql: is not the schema of this release: copy schema.graphql over it',
    ],
    [
      facts.acceptedChanges.trim() !== '[]',
      'test/schema-changes/accepted.json: is not empty: write [] into it, the next changes are compared with this release',
    ],
  ]
  return [...problems, ...found.flatMap(([isThere, problem]) => (isThere ? [problem] : []))]
}
