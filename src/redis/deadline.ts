/** How a command ended. `late`: not in time; it may still be carried out. */
export type Ending<T> = { readonly value: T } | { readonly error: unknown } | 'late'

/**
 * Waits for the reply, at most this long. The time begins when this turn of the event loop ends, because its commands leave
 * then. When the time is over, it first lets the event loop read the sockets: if our own process was busy, the reply is often
 * there already, and Redis is not late.
 */
export function inTime<T>(reply: Promise<T>, limitMs: number): Promise<Ending<T>> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const sent = setImmediate(() => {
      timer = setTimeout(() => setImmediate(resolve, 'late'), limitMs)
    })
    reply.then(
      (value) => end({ value }),
      (error) => end({ error }),
    )

    function end(ending: Ending<T>): void {
      clearImmediate(sent)
      clearTimeout(timer)
      resolve(ending)
    }
  })
}
