import { defineConfig } from 'vitest/config'
import base, { longestFirst } from './vitest.config.ts'

/** These files mostly wait or compute, and no bound in them depends on a quiet machine. */
const together = [
  'alerts',
  'cli',
  'clocks',
  'demo-page',
  'deploy-files',
  'forgetting-matrix',
  'graphiql-phone',
  'honest-crowd',
  'keep-alive',
  'key-rotation',
  'log-readers',
  'model',
  'package',
  'release',
  'stock-clients',
  'stock-oauth-client',
  'upgrade',
].map((name) => `test/long/${name}.test.ts`)
/** Of those, the ones that take half a minute or more. */
const longest = /forgetting-matrix|honest-crowd|keep-alive|log-readers|long\/model|upgrade/
/** Of these files `npm test` runs only a part: see `isInFull`. */
const inFull = [
  'test/login-matrix.test.ts',
  'test/browser/login.test.ts',
  'test/browser/callback.test.ts',
  'test/browser/graphiql.test.ts',
  'test/graphql/planned/differential.test.ts',
  'test/graphql/input-faults.test.ts',
  'test/http/read-request.test.ts',
  'test/config/uri-rules.test.ts',
  'test/line/client.test.ts',
  'test/tokens/shared-names.test.ts',
  'test/tokens/source-gate.test.ts',
]
const env = { ...base.test?.env, TEST_IN_FULL: 'yes' }
const shared = { ...base.test, env, exclude: [], testTimeout: 600_000, hookTimeout: 600_000 }

/**
 * `npm run test:long`: floods and other tests that take minutes. First those that may run side by side. Then the others, one
 * file at a time, because they print figures.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: longestFirst(longest) },
    projects: [
      {
        ...base,
        test: {
          ...shared,
          name: 'side by side',
          include: [...together, ...inFull],
          maxWorkers: 3,
          // Otherwise a worker gets all its files at the start, and two of the longest could wait for each other.
          isolate: true,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...base,
        test: {
          ...shared,
          name: 'one at a time',
          include: ['test/long/**/*.test.ts'],
          exclude: together,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
