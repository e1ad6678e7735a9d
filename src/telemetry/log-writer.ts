import type { Writable } from 'node:stream'

export type LogWriter = { write(line: string): void }

export type LogWriterOptions = {
  /** Called for each line that is dropped. */
  readonly dropped: () => void
  /** Called when lines can be written again, with the number of lines that were dropped. */
  readonly recovered: (lines: number) => void
}

/** So many characters wait for a reader that is slow. Further lines are dropped. */
const mostWaiting = 1_000_000
/** After a line that cannot be written, further lines are dropped for this time. An attempt for each line costs too much. */
const pauseMs = 1_000

/**
 * Writes log lines and never waits for their reader. A log that cannot be written must not stop the gateway, fill its
 * memory or delay its exit, so lines are dropped instead: when the reader is slow and when it is gone.
 */
export function createLogWriter(output: Writable, { dropped, recovered }: LogWriterOptions): LogWriter {
  let droppedLines = 0
  let pausedUntil = 0
  // `written` gets the errors as well. Without a listener they would end the process.
  if (!output.listeners('error').includes(ignore)) output.on('error', ignore)

  return { write }

  function write(line: string): void {
    if (output.writableLength + line.length > mostWaiting || isPaused()) drop()
    else output.write(line, written)
  }

  function written(error?: Error | null): void {
    if (error) {
      pausedUntil = performance.now() + pauseMs
      drop()
    } else if (droppedLines > 0 && output.writableLength < mostWaiting / 2) {
      const lines = droppedLines
      droppedLines = 0
      recovered(lines)
    }
  }

  function drop(): void {
    droppedLines += 1
    dropped()
  }

  function isPaused(): boolean {
    return pausedUntil > 0 && performance.now() < pausedUntil
  }
}

/** Writes to the log of the program that embeds the gateway. A line that it does not take, now or later, is dropped. */
export function createGivenLogWriter(given: { write(line: string): unknown }, dropped: () => void): LogWriter {
  return { write: (line) => void (async () => given.write(line))().catch(dropped) }
}

function ignore(): void {}
