import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { version } from '../version.ts'
import { findYoungDependency } from './dependency-ages.ts'
import { npmIn } from './npm-in.ts'
import { releaseProblems } from './release-problems.ts'

/**
 * `npm run release`: checks everything, and writes the tarball and its SBOM into the project folder. It works on a clone of
 * the last commit, so what git does not have is not in the release. It stops at the first failure, and then leaves neither
 * file. It changes no file that git knows, and publishes nothing. `-- --skip-long` leaves out the long tests, for a rehearsal.
 */
const project = join(import.meta.dirname, '../..')
const tarball = `line-graphql-gateway-${version}.tgz`
const sbom = `line-graphql-gateway-${version}.cdx.json`
const isRehearsal = readOptions()['skip-long']

const problems = releaseProblems({
  packageJson: read('package.json'),
  packageLock: read('package-lock.json'),
  changelog: read('CHANGELOG.md'),
  schema: read('schema.graphql'),
  releasedSchema: read('test/schema-changes/released.graphql'),
  acceptedChanges: read('test/schema-changes/accepted.json'),
  status: git('status', '--porcelain'),
  tags: git('tag'),
})
if (problems.length > 0)
  fail(['This tree cannot be released:', ...problems.map((problem) => `  ${problem}`)].join('\n'))

// Otherwise those of an earlier run would look like the result of this one.
for (const file of [tarball, sbom]) rmSync(join(project, file), { force: true })
const commit = git('rev-parse', '--short=12', 'HEAD').trim()
const clone = mkdtempSync(join(tmpdir(), 'release-'))
process.on('exit', () => rmSync(clone, { recursive: true, force: true, maxRetries: 10 }))
const npm = npmIn(clone, { outside: project, fail })

git('clone', '--quiet', project, clone)
await npm.run('ci')
const leftOut = [...(await ageProblems()), ...(isRehearsal ? ['the long tests'] : [])]
await npm.run('test')
await npm.run('run', 'check')
if (!isRehearsal) await npm.run('run', 'test:long')
await npm.run('run', 'build')
const changes = git('-C', clone, 'status', '--porcelain')
if (changes !== '') fail(`The steps above have changed files:\n${changes}`)
await npm.run('pack')
writeFileSync(join(clone, sbom), await npm.output('run', '-s', 'sbom'))
for (const file of [tarball, sbom]) copyFileSync(join(clone, file), join(project, file))

const next = isRehearsal
  ? 'This was a rehearsal. Run it without --skip-long before you publish.'
  : `Next:

  git tag -a v${version} -m v${version} ${commit} && git push origin v${version}
  npm publish ${tarball}      (package.json must not be private then), or give the tarball to your own registry
  keep ${sbom} beside it`
process.stdout.write(`
Made ${tarball} and ${sbom} of ${commit}.${leftOut.map((what) => `\nLeft out: ${what}`).join('')}
${next}
`)

/** What was not checked, because the registry does not answer. */
async function ageProblems(): Promise<string[]> {
  process.stdout.write('\n> the ages of the production packages\n')
  const young = await findYoungDependency(clone, { env: npm.env }).catch((error: Error) => error)
  if (young instanceof Error) return [`the ages of the production packages: ${young.message.trim()}`]
  if (young !== undefined) fail(`A production package is younger than 7 days. ${young}\nUse an older one, or wait.`)
  return []
}

function readOptions() {
  try {
    return parseArgs({ options: { 'skip-long': { type: 'boolean', default: false } } }).values
  } catch (error) {
    return fail((error as Error).message)
  }
}

function git(...words: readonly string[]): string {
  try {
    return execFileSync('git', words, { cwd: project, encoding: 'utf8' })
  } catch {
    return fail(`git ${words.join(' ')} has failed`)
  }
}

function read(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
