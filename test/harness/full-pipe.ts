import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A named pipe as the standard output of a program. Its reader is this process, which reads nothing. */
export type Pipe = {
  /** The end for the program. */
  readonly input: number
  /** The end of the reader. It does not wait. */
  readonly output: number
  /** Fills the pipe, so that the program cannot write a byte. */
  fill(): void
  /** Reads what is in the pipe now. */
  read(): string
  /** The reader goes away. */
  loseReader(): void
  close(): void
}

/** Makes a named pipe in the folder. POSIX only. */
export function openPipe(folder: string): Pipe {
  const path = join(folder, `pipe-${Math.random()}`)
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const input = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  const open = new Set([reader, input])
  return { input, output: reader, fill, read, loseReader: () => shut(reader), close: () => open.forEach(shut) }

  function fill(): void {
    const bytes = Buffer.alloc(4096, '.')
    try {
      while (writeSync(input, bytes) > 0);
    } catch {
      // EAGAIN: the pipe is full.
    }
  }

  function read(): string {
    const bytes = Buffer.alloc(1024 * 1024)
    let text = ''
    try {
      for (let size = 1; size > 0; ) {
        size = readSync(reader, bytes)
        text += bytes.toString('latin1', 0, size)
      }
    } catch {
      // EAGAIN: the pipe is empty.
    }
    return text
  }

  function shut(end: number): void {
    if (open.delete(end)) closeSync(end)
  }
}
