import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { parseSigningKeys, type SigningKey, SigningKeysError } from './signing-key-set.ts'
import { signerAt } from './signing-key-states.ts'

/** Where keys come from. */
export type KeySource = {
  keys(): readonly SigningKey[]
  /** Resolves when the first keys are there. `undefined`: they are. */
  readonly ready?: Promise<void>
  close(): void
}

export type KeyFileSource = KeySource & {
  /** The text that has these keys: the last good one of the file. */
  text(): string
}

export type KeyFileOptions = {
  readonly path: string
  /** The wall clock, epoch ms. */
  readonly wall: () => number
  /** New keys are in use. */
  readonly taken: () => void
  /** The file is bad now, and the old keys stay in use. Called for each new set of problems, and again while they stay. */
  readonly refused: (problems: readonly string[]) => void
  /** An error that is no problem of the file. The old keys stay in use. */
  readonly failed: (error: unknown) => void
  /** The text to begin with if the file is bad. Without it, a bad file is refused. */
  readonly lastGood?: string | undefined
  /** How often the file is compared (ms). */
  readonly everyMs?: number
}

/** A change is seen within 5 seconds. */
const defaultEveryMs = 2_000
/** A file that stays bad is reported again: its alert looks 15 minutes back, and the next start would fail. */
const againMs = 10 * 60_000
const longestFile = 1_000_000

/** What is wrong with a file of keys. `warnings` are for a file that can be used. Neither quotes a value. */
export function checkKeyFile(
  path: string,
  wall: () => number = Date.now,
): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  try {
    readKeys(path, wall())
    const { mode } = statSync(path)
    return { problems: [], warnings: isPrivate(mode) ? [] : [sharedFile] }
  } catch (error) {
    return { problems: problemsOf(error), warnings: [] }
  }
}

/**
 * Reads the keys now, and again when the content of the file changes. The content is compared, not the file: an editor replaces
 * the file, and Kubernetes a link on the way to it. Throws `SigningKeysError`.
 */
export function watchKeyFile(options: KeyFileOptions): KeyFileSource {
  const { path, wall, taken, refused, failed, lastGood, everyMs = defaultEveryMs } = options
  let problems = ''
  let refusedAt = 0
  let isReading = false
  let isClosed = false
  let { text, keys } = begin()
  const timer = setInterval(compare, everyMs).unref()

  return { keys: () => keys, text: () => text, close }

  function begin(): ReturnType<typeof readKeys> {
    try {
      return readKeys(path, wall())
    } catch (error) {
      if (lastGood === undefined) throw error
      refuse(error)
      return { text: lastGood, keys: parseSigningKeys(lastGood) }
    }
  }

  function compare(): void {
    if (isReading) return
    isReading = true
    void fetchText(path)
      .then(take)
      .catch(refuse)
      .catch(failed)
      .finally(() => {
        isReading = false
      })
  }

  /** A file that was bad is judged again although it is the same: a key of it may sign by now. */
  function take(read: string): void {
    if (isClosed || (read === text && problems === '')) return
    keys = usableKeys(read, wall())
    text = read
    problems = ''
    taken()
  }

  function refuse(error: unknown): void {
    const found = problemsOf(error)
    const now = wall()
    if (isClosed || (found.join() === problems && Math.abs(now - refusedAt) < againMs)) return
    problems = found.join()
    refusedAt = now
    refused(found)
  }

  function close(): void {
    isClosed = true
    clearInterval(timer)
  }
}

function readKeys(path: string, now: number): { readonly text: string; readonly keys: readonly SigningKey[] } {
  try {
    const text = readText(path)
    return { text, keys: usableKeys(text, now) }
  } catch (error) {
    throw new SigningKeysError(problemsOf(error))
  }
}

/** The keys of a file of which one signs now. Throws `SigningKeysError`. */
function usableKeys(text: string, now: number): readonly SigningKey[] {
  const keys = parseSigningKeys(text)
  if (signerAt(keys, now) === undefined)
    throw new SigningKeysError(['no key signs now: expected one that is published, signs and is not retired'])
  return keys
}

/** A pipe would stop the process until somebody writes to it. */
function readText(path: string): string {
  assertReadable(statSync(path))
  return readFileSync(path, 'utf8')
}

async function fetchText(path: string): Promise<string> {
  assertReadable(await stat(path))
  return readFile(path, 'utf8')
}

function assertReadable(file: { isFile(): boolean; readonly size: number }): void {
  if (!file.isFile()) throw new SigningKeysError([unreadable])
  if (file.size > longestFile) throw new SigningKeysError(['is larger than 1 MB: expected a JWK set'])
}

const unreadable = "can't be read: expected the path of a readable file"
const sharedFile =
  'other users of this machine can read the file: give it to the user of the gateway alone, with mode 600'

/** Windows has no such modes. */
function isPrivate(mode: number): boolean {
  return process.platform === 'win32' || (mode & 0o044) === 0
}

/** The messages of other errors quote the path. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof SigningKeysError) return error.problems
  if (error instanceof Error && 'syscall' in error) return [unreadable]
  throw error
}
