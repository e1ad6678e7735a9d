import { randomUUID } from 'node:crypto'
import { type FileHandle, link, open, realpath, rename, rm, stat } from 'node:fs/promises'

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
    if (isCode(error, 'EEXIST')) throw new KeyFileError('is there already, and is not overwritten: use rotate')
    throw error
  } finally {
    await rm(beside, { force: true })
  }
}

/**
 * Replaces a file in one step, with its mode and owner, so that no reader sees half of it. `change` gets nobody in its way: the
 * temporary file keeps others out. Behind a link, the file itself is replaced.
 */
export async function changeFile<Result>(
  path: string,
  change: (path: string) => Promise<{ readonly content: unknown; readonly result: Result }>,
): Promise<Result> {
  const target = await realpath(path)
  const beside = `${target}.rotating`
  const handle = await lock(beside)
  try {
    const { content, result } = await change(target)
    await keepOwner(handle, target)
    await writeWhole(handle, content)
    await rename(beside, target)
    return result
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

async function lock(beside: string): Promise<FileHandle> {
  try {
    return await open(beside, 'wx', 0o600)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
    throw new KeyFileError(
      'another rotation is under way. If none is, delete the file with the ending ".rotating" beside it',
    )
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
