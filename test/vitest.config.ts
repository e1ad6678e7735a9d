import { defineConfig } from 'vitest/config'

export default defineConfig({
  // One copy of graphql: without these conditions Vite loads its development build beside the one Pothos and yoga load.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    maxWorkers: 2,
  },
})
