import { defineConfig } from 'vitest/config'

export default defineConfig({
  // One copy of graphql: without these conditions Vite loads its development build beside the one Pothos and yoga load.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/long/**'],
    // Long enough for a machine with one loaded core. A test that hangs is ended by it; no test measures time with it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
