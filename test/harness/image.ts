import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, posix } from 'node:path'
import { buildContext } from './build-context.ts'
import { type Program, project, startProgram } from './programs.ts'
import { childrenOf } from './workers.ts'

/** What `docker build` would make, as a folder. It has the files of the last stage, and no base image. */
export type Image = {
  readonly root: string
  readonly workdir: string
  readonly env: NodeJS.ProcessEnv
  readonly user: string
  readonly ports: readonly string[]
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  /** The base image of each stage. */
  readonly bases: readonly string[]
  remove(): void
}

type Stage = { -readonly [key in keyof Omit<Image, 'bases' | 'remove'>]: Image[key] }

type Instruction = {
  getKeyword(): string
  getRawArgumentsContent(): string
  getArguments(): readonly { getValue(): string }[]
  getFlags?(): readonly { getName(): string; getValue(): string }[]
}

/**
 * Carries the Dockerfile out in temporary folders. `packages`: the folder with its parsers. `npm ci` with dev dependencies uses
 * the packages that are installed already, as the lock file is the same. Throws where docker would fail, and for an instruction
 * that is not known here.
 */
export function buildImage(packages: string, text = readFileSync(join(project, 'Dockerfile'), 'utf8')): Image {
  const { DockerfileParser } = createRequire(join(packages, 'package.json'))('dockerfile-ast')
  const instructions: readonly Instruction[] = DockerfileParser.parse(text).getInstructions()
  const context = buildContext(packages)
  const folder = mkdtempSync(join(tmpdir(), 'image-'))
  chmodSync(folder, 0o755)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const stages = new Map<string, Stage>()
  const bases: string[] = []
  let stage: Stage | undefined
  try {
    for (const instruction of instructions) stage = carryOut(instruction)
  } catch (error) {
    remove()
    throw error
  }
  if (stage === undefined) throw new Error('no FROM')
  return { ...stage, bases, remove }

  function carryOut(instruction: Instruction): Stage {
    const words = instruction.getArguments().map((argument) => argument.getValue())
    const raw = instruction.getRawArgumentsContent()
    if (instruction.getKeyword() === 'FROM') return from(words)
    if (stage === undefined) throw new Error('before FROM')
    switch (instruction.getKeyword()) {
      case 'WORKDIR':
        stage.workdir = posix.resolve(stage.workdir, raw)
        mkdirSync(join(stage.root, stage.workdir), { recursive: true })
        break
      case 'COPY':
        copy(instruction, stage, words)
        break
      case 'RUN':
        run(stage, raw)
        break
      case 'ENV':
        for (const [, name = '', value] of raw.matchAll(/(\w+)=(\S+)/g)) stage.env = { ...stage.env, [name]: value }
        break
      case 'USER':
        stage.user = raw
        break
      case 'EXPOSE':
        stage.ports = words
        break
      case 'CMD':
        stage.command = JSON.parse(raw)
        break
      case 'HEALTHCHECK':
        stage.healthcheck = JSON.parse(raw.replace(/^CMD /, ''))
        break
      case 'LABEL':
        break
      default:
        throw new Error(`${instruction.getKeyword()}: not known to this harness`)
    }
    return stage
  }

  function from([base = '', , name = `${bases.length}`]: readonly string[]): Stage {
    bases.push(base)
    const root = join(folder, name)
    mkdirSync(root)
    const made = { root, workdir: '/', env: {}, user: 'root', ports: [], command: [], healthcheck: [] }
    stages.set(name, made)
    return made
  }

  function copy(instruction: Instruction, { root, workdir }: Stage, words: readonly string[]): void {
    const [target = '', ...sources] = [...words].reverse()
    const flags = new Map(instruction.getFlags?.().map((flag) => [flag.getName(), flag.getValue()]))
    const source = flags.get('from')
    for (const path of sources.reverse()) {
      const isFolder = target.endsWith('/') && !isDirectory(path)
      const to = join(root, posix.resolve(workdir, target), isFolder ? basename(path) : '')
      mkdirSync(dirname(to), { recursive: true })
      if (source === undefined) context.copy(path, to)
      else cpSync(join(stageOf(source).root, path), to, { recursive: true, verbatimSymlinks: true })
      const mode = flags.get('chmod')
      if (mode !== undefined) chmodSync(to, Number.parseInt(mode, 8))
    }

    function isDirectory(path: string): boolean {
      const base = source === undefined ? project : stageOf(source).root
      return statSync(join(base, path), { throwIfNoEntry: false })?.isDirectory() ?? false
    }
  }

  function stageOf(name: string): Stage {
    const found = stages.get(name)
    if (found === undefined) throw new Error(`COPY --from=${name}: no such stage`)
    return found
  }
}

function run({ root, workdir }: Stage, line: string): void {
  const cwd = join(root, workdir)
  if (!/^npm [\w =-]+( && chmod [\w+ -]+)?$/.test(line)) throw new Error(`RUN ${line}: only npm and chmod run here`)
  if (line.startsWith('npm ci') && !['package-lock.json', 'package.json', '.npmrc'].every(sameFile))
    throw new Error('RUN npm ci: no lock file, or not all that goes with it')
  if (line === 'npm ci') {
    symlinkSync(join(project, 'node_modules'), join(cwd, 'node_modules'))
    return
  }
  const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, HOME: process.env.HOME }
  const options = line.startsWith('npm ci') ? ' --prefer-offline' : ''
  execFileSync('sh', ['-c', `${line}${options}`], { cwd, env, stdio: 'pipe' })

  function sameFile(name: string): boolean {
    const path = join(cwd, name)
    return existsSync(path) && readFileSync(path).equals(readFileSync(join(project, name)))
  }
}

/**
 * As PID 1 in a root file system that has only the image, Node and its libraries, all of it read-only, as the user of the
 * image, who gains no rights: what `docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges` does.
 */
const inContainer = `
set -e
root=$1 node=$2 workdir=$3 user=$4
shift 4
mkdir -p "$root/proc" "$root/dev" "$root/usr/lib" "$root/usr/lib64" "$root/usr/local/bin"
[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
[ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
touch "$root/usr/local/bin/node" "$root/dev/null" "$root/dev/urandom"
mount --bind "$root" "$root"
for path in usr/lib usr/lib64; do mount --bind "/$path" "$root/$path"; mount -o remount,bind,ro "$root/$path"; done
mount --bind "$node" "$root/usr/local/bin/node"
mount -o remount,bind,ro "$root/usr/local/bin/node"
for path in dev/null dev/urandom; do mount --bind "/$path" "$root/$path"; done
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
cd /
exec setpriv --clear-groups --no-new-privs /usr/bin/env -i "$@"
`

/** Why an image cannot be started on this machine. `undefined`: it can. */
export function whyNoContainers(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux can start it'
  if (process.getuid?.() !== 0) return 'only root can start it'
  try {
    const mounts = 'mount --bind /usr /mnt && mount -o remount,bind,ro /mnt && setpriv --clear-groups true'
    execFileSync('unshare', ['--mount', '--pid', '--fork', 'sh', '-c', mounts], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'unshare or mount is not permitted here'
  }
}

/** Starts CMD, or another command, in a container of its own. Its network is that of the machine. */
export function startContainer(image: Image, settings: NodeJS.ProcessEnv, command = image.command): Program {
  const isolate = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', inContainer, 'sh']
  const place = [image.root, process.execPath, image.workdir, image.user]
  const env = Object.entries({ PATH: '/usr/local/bin', ...image.env, ...settings }).map(
    ([name, value]) => `${name}=${value}`,
  )
  const as = ['--setgid', image.user, '--setuid', image.user]
  const inside = ['/usr/bin/unshare', `--root=${image.root}`, `--wd=${image.workdir}`, ...as, ...command]
  return startProgram('unshare', [...isolate, ...place, ...env, ...inside], {})
}

/** The ID of the container's first process, as this machine sees it. */
export function firstProcessOf(container: Program): number {
  const [pid] = childrenOf(container)
  if (pid === undefined) throw new Error('The container has ended')
  return pid
}
