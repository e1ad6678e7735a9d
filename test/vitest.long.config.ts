import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** These files mostly wait, and measure nothing that a busy machine changes. */
const waiting = ['test/long/honest-crowd.test.ts', 'test/long/keep-alive.test.ts']
const shared = { ...base.test, exclude: [], testTimeout: 600_000 }

/**
 * `npm run test:long`: floods and other tests that take minutes. First those that only wait, side by side. Then the others,
 * one file at a time, because they print figures.
 */
export default defineConfig({
  test: {
    projects: [
      { ...base, test: { ...shared, name: 'waiting', include: waiting, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      {
        ...base,
        test: {
          ...shared,
          name: 'one at a time',
          include: ['test/long/**/*.test.ts'],
          exclude: waiting,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
