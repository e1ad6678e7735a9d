import { it } from 'vitest'

/** `npm run test:long` tests matrices and random inputs in full, `npm test` only a part of them. */
export const isInFull = process.env.TEST_IN_FULL === 'yes'

/** For a test in a real browser that takes seconds, beside a shorter one of the same page. Only `npm run test:long` runs it. */
export const itInFull = it.runIf(isInFull)

/** The number of random inputs, or of repetitions. */
export function runsOf(number: { readonly part: number; readonly full: number }): number {
  return isInFull ? number.full : number.part
}
