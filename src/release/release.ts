import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { version } from '../version.ts'
import { releaseProblems } from './release-problems.ts'

/**
 * `npm run release`: checks everything, and writes the tarball and its SBOM into the project folder. It works on a clone of
 * the last commit, so what git does not have is not in the release. It stops at the first failure. It changes no file that
 * git knows, and publishes nothing. `-- --skip-long` leaves out the long tests, for a rehearsal.
 */
const project = join(import.meta.dirname, '../..')
const tarball = `line-graphql-gateway-${version}.tgz`
const sbom = `line-graphql-gateway-${version}.cdx.json`
const { values: options } = parseArgs({ options: { 'skip-long': { type: 'boolean', default: false } } })

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

const clone = mkdtempSync(join(tmpdir(), 'release-'))
process.on('exit', () => rmSync(clone, { recursive: true, force: true }))
git('clone', '--quiet', project, clone)
npm('ci')
npm('test')
npm('run', 'check')
if (!options['skip-long']) npm('run', 'test:long')
npm('run', 'build')
if (git('-C', clone, 'status', '--porcelain') !== '') fail('The steps above have changed files: see git status')
npm('pack', '--pack-destination', project)
writeFileSync(join(project, sbom), npmOutput('run', '-s', 'sbom'))

process.stdout.write(`
Made ${tarball} and ${sbom}${options['skip-long'] ? ' without the long tests: a rehearsal' : ''}. Next:

  git tag -a v${version} -m v${version} && git push origin v${version}
  npm publish ${tarball}      (package.json must not be private then), or give the tarball to your own registry
  keep ${sbom} beside it
`)

function npm(...words: readonly string[]): void {
  runNpm(words, 'inherit')
}

/** What npm prints. */
function npmOutput(...words: readonly string[]): string {
  return runNpm(words, 'pipe')
}

function runNpm(words: readonly string[], stdout: 'inherit' | 'pipe'): string {
  process.stdout.write(`\n> npm ${words.join(' ')}\n`)
  try {
    // With 'inherit' there is no output to return.
    return execFileSync('npm', words, {
      cwd: clone,
      env: environment(),
      stdio: ['inherit', stdout, 'inherit'],
      encoding: 'utf8',
      maxBuffer: 100_000_000,
    })
  } catch {
    fail(`npm ${words.join(' ')} has failed: nothing is released`)
  }
}

/** As in a new shell: npm gives the scripts that it runs the Node and the settings of this folder. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(project))
  return { ...Object.fromEntries(others), PATH: folders.join(delimiter) }
}

function git(...words: readonly string[]): string {
  return execFileSync('git', words, { cwd: project, encoding: 'utf8' })
}

function read(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
