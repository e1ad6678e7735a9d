import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, link, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'

/** A file that is not as it must be. The message says what to do, and quotes nothing of the file. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

/** Makes a file that only its owner can read. Of several at once, one makes it. Rejects with `KeyFileError` if it is there. */
export async function writeNewFile(path: string, content: unknown): Promise<void> {
  const beside = `${path}.${randomUUID()}.tmp`
  try {
    const handle = await open(beside, 'wx', 0o600)
    await writeWhole(handle, content).finally(() => handle.close())
    await link(beside, path)
  } catch (error) {
    throw isCode(error, 'EEXIST') ? new KeyFileError(await whatIsThere(path)) : error
  } finally {
    await rm(beside, { force: true })
  }
}

async function whatIsThere(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (there) => there.isDirectory(),
    () => false,
  )
  return isFolder ? 'is a folder: name a file in it' : 'is there already, and is not overwritten: use rotate'
}

/**
 * Replaces a file in one step, with its mode and owner, so that no reader sees half of it. `change` gets its text, and nobody else
 * changes it meanwhile: the temporary file keeps others out. Behind a link, the file itself is replaced.
 */
export async function changeFile<Result>(
  path: string,
  change: (text: string) => { readonly content: unknown; readonly result: Result },
): Promise<Result> {
  const target = await realpath(path)
  const beside = `${target}.rotating`
  if (await isOlder(beside, longestLockMs)) await rm(beside, { force: true })
  const endCleanUp = lock(beside)
  try {
    return await replaceFile(target, beside, change)
  } catch (error) {
    if (!(error instanceof Locked)) await rm(beside, { force: true })
    throw error
  } finally {
    endCleanUp()
  }
}

async function replaceFile<Result>(
  target: string,
  beside: string,
  change: (text: string) => { readonly content: unknown; readonly result: Result },
): Promise<Result> {
  const handle = await open(beside, 'r+')
  try {
    const { content, result } = change(await readFile(target, 'utf8'))
    await keepOwner(handle, target)
    await writeWhole(handle, content)
    await assertOwn(handle, beside)
    await rename(beside, target)
    return result
  } finally {
    await handle.close()
  }
}

/** The lock of another process. */
class Locked extends KeyFileError {
  constructor() {
    super('another rotation is under way: try again in a minute')
  }
}

/** A process holds the lock for far less time (ms), so an older one is left over from a crash. */
const longestLockMs = 60_000

/** Until the returned function is called, a signal removes the lock. It is made at once: no signal is handled in between. */
function lock(beside: string): () => void {
  const endCleanUp = removeOnSignal(beside)
  try {
    writeFileSync(beside, '', { flag: 'wx', mode: 0o600 })
    return endCleanUp
  } catch (error) {
    endCleanUp()
    throw isCode(error, 'EEXIST') ? new Locked() : error
  }
}

async function isOlder(path: string, ms: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > ms
  } catch {
    return false
  }
}

/** Of two processes that take over an old lock at once, the second one may have removed that of the first one. */
async function assertOwn(handle: FileHandle, beside: string): Promise<void> {
  const [own, there] = await Promise.all([handle.stat(), stat(beside).catch(() => undefined)])
  if (own.ino !== there?.ino) throw new Locked()
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The signal ends the process all the same. Returns what ends this. */
function removeOnSignal(path: string): () => void {
  for (const signal of signals) process.once(signal, remove)
  return end

  function remove(signal: NodeJS.Signals): void {
    end()
    rmSync(path, { force: true })
    process.kill(process.pid, signal)
  }

  function end(): void {
    for (const signal of signals) process.off(signal, remove)
  }
}

/** Only the superuser can give a file away. Without that, a gateway of another user could not read a file of mode 600. */
async function keepOwner(handle: FileHandle, target: string): Promise<void> {
  const { mode, uid, gid } = await stat(target)
  const own = await handle.stat()
  try {
    if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid)
  } catch {
    throw new KeyFileError('belongs to another user or group: run this as that user')
  }
  await handle.chmod(mode & 0o777)
}

async function writeWhole(handle: FileHandle, content: unknown): Promise<void> {
  await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`)
  await handle.sync()
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
