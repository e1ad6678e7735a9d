import { setTimeout as sleep } from 'node:timers/promises'

type Options = { readonly everyMs?: number; readonly what?: string }

/**
 * Waits until the condition is true, and throws if that takes longer than `withinMs`. Returns how long it took, in ms.
 * `what` is for the message.
 */
export async function timeUntil(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  { everyMs = 5, what = 'It' }: Options = {},
): Promise<number> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > withinMs) throw new Error(`${what} was not so within ${withinMs} ms`)
    await sleep(everyMs)
  }
  return performance.now() - start
}

/** The middle, the 99th of a hundred and the longest, in ms. */
export function waitsText(waits: readonly number[]): string {
  const sorted = waits.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(1)
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`
}
