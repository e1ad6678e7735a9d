import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingNames } from '../../src/config/setting-names.ts'
import { project } from './programs.ts'

/** The codes in `extensions.code`, as `src/` has them. */
export function codesOfTheGateway(): string[] {
  const folders = ['graphql', 'schema', 'login', 'tokens', 'line', 'http']
  const code = /\bcode(?:: | = )[^'\n]*'([A-Z_]{4,})'(?: : '([A-Z_]+)')?/g
  const found = folders
    .flatMap((folder) => textsIn(`src/${folder}`))
    .flatMap((text) => [...text.matchAll(code)].flatMap(([, one, other]) => [one, other]))
  return [...new Set(found.filter((code) => code !== undefined))].sort()
}

/** Why an access token is refused, beside `MISSING`. */
export function tokenRefusals(): string[] {
  const [, refusals = ''] = /^enum TokenRefusal \{([\s\S]*?)^\}/m.exec(fileText('schema.graphql')) ?? []
  return [...refusals.matchAll(/^ {2}([A-Z_]+)$/gm)].map(([, reason = '']) => reason)
}

/** Why an ID token is refused. */
export function idTokenRefusals(): string[] {
  const [, union = ''] = /export type IdTokenRefusal =([\s|'A-Z_]+)/.exec(fileText('src/line/errors.ts')) ?? []
  return [...union.matchAll(/'(\w+)'/g)].map(([, reason = '']) => reason)
}

/** All words in capitals that a document may name. */
export function wordsInCapitals(): Set<string> {
  const enumValues = [...fileText('schema.graphql').matchAll(/^ {2}([A-Z_]+)$/gm)].map(([, value = '']) => value)
  return new Set([
    ...settingNames.flatMap((name) => [name, `${name}_FILE`]),
    ...codesOfTheGateway(),
    ...['MISSING', ...tokenRefusals(), ...idTokenRefusals()],
    ...enumValues,
    ...['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    ...['EMULATOR_PORT', 'NAME', 'NAME_FILE', 'FILE', 'MODEL_RUNS', 'MODEL_SEED', 'PICTURES', 'TEST_IN_FULL', 'TOKEN'],
    ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'README', 'CHANGE'],
    ...[
      'WRITE_RELEASED_ENTRIES',
      'WRITE_METRIC_TABLE',
      'WRITE_LOG_TABLE',
      'WRITE_SPAN_TABLE',
      'RELEASE_BEFORE',
      'FOLDER',
    ],
  ])
}

/**
 * The words of the code: of `src/`, the recipes, the tests, the schema and the packages. In a word are letters, digits, `_` and
 * `-`. All in lower case too, because the code writes the names of headers so.
 */
export function wordsOfTheCode(): Set<string> {
  const texts = [...textsIn('src'), ...textsIn('test'), fileText('schema.graphql'), fileText('package.json')]
  const words = texts.flatMap((text) => text.match(wordOfCode) ?? [])
  return new Set([...words, ...wordsOfOthers])
}

export const wordOfCode = /[A-Za-z_][\w-]+/g

/** What the documents name and our code does not: of LINE's SDKs, Spring, Go, Supabase, Kong, Redis, systemd,
 * Docker, Kubernetes, AWS, Google Cloud, Node, the browser. */
const wordsOfOthers = [
  ...['AccessTokenStore', 'getTokenString', 'getDecodedIDToken', 'opaquetoken', 'coreos', 'go-oidc', 'hasura', 'anon'],
  ...['bearer_token_param_type', 'maxmemory-policy', 'noeviction', 'KillMode', 'control-group', 'TimeoutStopSec'],
  ...['systemctl', 'stop-timeout', 'apply', 'ip', 'gateway-error', 'no-git-tag-version', 'report-exclude-env'],
  ...['nginx-light', 'chrome', 'bin', 'feat', 'readme'],
]

/** The number after `name:` in a file, as in `characters: 10_000`. */
export function numberIn(file: string, name: string): number {
  const [, digits = ''] = new RegExp(`\\b${name}(?:: | = )([\\d_]+)`).exec(fileText(file)) ?? []
  return Number(digits.replaceAll('_', ''))
}

export function fileText(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

/** The texts of the code below a folder, but for what tests the documents, and for packages. */
function textsIn(folder: string): string[] {
  return readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:ts|mjs|js|dart|graphql|conf|yaml|service)$|Caddyfile$/.test(file))
    .filter((file) => !/readme\.test|document-|node_modules/.test(file))
    .map((file) => fileText(`${folder}/${file}`))
}
