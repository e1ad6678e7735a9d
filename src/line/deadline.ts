import { LineUnavailable } from './errors.ts'

/**
 * Waits for a result until `deadline` (`performance.now()`). Then it rejects with `LineUnavailable`. The work behind it
 * goes on, for others that wait for the same result.
 */
export async function within<Result>(deadline: number, result: Promise<Result>): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new OutOfTime()), Math.max(deadline - performance.now(), 0))
  try {
    return await Promise.race([result, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

/** The time of the caller is over: it says nothing about the result. */
export class OutOfTime extends LineUnavailable {
  constructor() {
    super('The time for this operation was over before a result: try again later', { retryAfter: 1 })
  }
}
