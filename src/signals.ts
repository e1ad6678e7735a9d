/** A second signal within this time is the same one: npm, and a terminal or systemd beside it, send a signal twice. */
const sameSignalMs = 1_000
/** The time for the last lines on standard output and standard error. */
const lastLinesMs = 300
/**
 * The time beyond its own limit that `close` gets: half a second for the last bytes, a second each for Redis and for the spans.
 * Then the process ends, whatever hangs.
 */
const spareMs = 2_700

const signals = ['SIGTERM', 'SIGINT'] as const

/**
 * Until `endOnSignal` is called, a signal ends the process with exit code 0: nothing is served yet. Without this, Linux ignores a
 * signal for the first process of a container, which would then start all the same, and be killed while it serves.
 */
export function endDuringStart(): void {
  for (const signal of signals) process.on(signal, endNow)
}

function endNow(): void {
  process.exit(0)
}

/**
 * The first SIGTERM or SIGINT calls `close`, then ends the process with exit code 0. A later signal ends it at once with
 * exit code 1. So does `limitMs`, the longest time that `close` can need. The returned function does what the first signal
 * does, and nothing when the end has begun.
 */
export function endOnSignal(close: () => Promise<void>, limitMs: number): () => void {
  let firstAt: number | undefined
  // In this order: without any listener for a moment, Node loses a signal that it has not delivered yet.
  for (const signal of signals) process.on(signal, signalled).off(signal, endNow)
  return end

  function signalled(): void {
    if (firstAt !== undefined && performance.now() - firstAt >= sameSignalMs) process.exit(1)
    end()
  }

  function end(): void {
    if (firstAt !== undefined) return
    firstAt = performance.now()
    setTimeout(() => process.exit(1), limitMs + spareMs)
    close().then(
      () => endProcess(0),
      () => endProcess(1),
    )
  }
}

/**
 * An error that nobody caught is reported and ends the process with exit code 1. Node would print it with all its members, and
 * one can be a URL with a token or a command with a password.
 */
export function endOnUncaught(report: (error: unknown) => void): void {
  process.on('uncaughtException', (error) => {
    report(error)
    void endProcess(1)
  })
}

/** Ends the process when its last lines are written. Does not wait longer for a reader that stalls. */
export async function endProcess(code: number): Promise<void> {
  setTimeout(() => process.exit(code), lastLinesMs)
  await Promise.all([process.stdout, process.stderr].map(whenWritten))
  process.exit(code)
}

/**
 * A reader of the output that goes away or stalls must not stop the process. Without this, the next line ends the process
 * (EPIPE), or blocks it (a terminal that is paused with Ctrl+S).
 */
export function surviveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {})
    // Node has no public way to do these two. Only a terminal blocks: Node writes to pipes without blocking.
    const inner = stream as { _handle?: { setBlocking?: (blocking: boolean) => void }; _writev?: unknown }
    inner._handle?.setBlocking?.(false)
    // Node would write all waiting lines as one piece. A pipe takes a part of a large piece, and then lines of another worker.
    inner._writev = undefined
  }
}

/** Resolves when everything up to now is written, or cannot be written any more. */
function whenWritten(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0) resolve()
    else stream.write('', () => resolve())
  })
}
