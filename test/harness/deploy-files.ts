import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './programs.ts'

export const deployFiles = ['kubernetes.yaml', 'compose.yaml', 'line-graphql-gateway.service'] as const
export type DeployFile = (typeof deployFiles)[number]

export const deployText = (file: DeployFile) => readFileSync(join(project, 'test/deploy', file), 'utf8')

/** The environment that a file gives the gateway. Comments are left out. */
export function environmentIn(file: DeployFile): Readonly<Record<string, string>> {
  const text = deployText(file)
  const pairs = file.endsWith('.service')
    ? [...text.matchAll(/^Environment=(.+)$/gm)].flatMap(([, list = '']) => [...list.matchAll(/(\w+)=(\S+)/g)])
    : [...text.matchAll(/^ +([A-Z][A-Z_]+): "?(.+?)"?(?: #.*)?$/gm)]
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]))
}

/** The secrets that the comments of the files say to make. */
export const secretsByName: Readonly<Record<string, string>> = {
  'line-channel-secret': 'a channel secret',
  'cache-secret': 'a secret of thirty-two characters',
  'redis-url': 'redis://gateway:PASSWORD@127.0.0.1:6379',
}

/** In place of the two programs: each secret of Kubernetes becomes a folder with a file for each key. */
const standIns = `
set -e
umask 077
kubectl() {
  mkdir "$4"
  for each; do
    case "$each" in
      --from-literal=*) pair="\${each#--from-literal=}"; printf %s "\${pair#*=}" > "$4/\${pair%%=*}" ;;
      --from-file=*) cp "\${each#--from-file=}" "$4" ;;
    esac
  done
}
npx() { shift 2; "$NODE" --disable-warning=ExperimentalWarning "$KEYS" "$@"; }
`

/** Runs the commands of a file's comment as they are, in `folder`. Only their owner can read new files: umask 077. */
export function runComment(file: DeployFile, folder: string): void {
  const commands = [...deployText(file).matchAll(/^# {3,}(.+)$/gm)].map(([, command]) => command)
  const env = { ...process.env, NODE: process.execPath, KEYS: join(project, 'src/keys.ts') }
  execFileSync('sh', ['-c', [standIns, ...commands].join('\n')], { cwd: folder, env, stdio: 'pipe' })
}

/** Seconds until SIGKILL after SIGTERM. */
export function stopSeconds(file: DeployFile): number {
  const found = /^\s*(?:terminationGracePeriodSeconds: |stop_grace_period: |TimeoutStopSec=)(\d+)s?\b/m.exec(
    deployText(file),
  )
  return Number(found?.[1])
}

/** The user of Redis, from the comments: what its name, password and rights are. */
export function redisUserIn(file: DeployFile): string {
  return /user (gateway on >PASSWORD [^'\n]+)/.exec(deployText(file))?.[1] ?? ''
}
