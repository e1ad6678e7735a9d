import { defineConfig } from 'vitest/config'
import { compileCache } from './harness/compile-cache.ts'

export default defineConfig({
  // Without these conditions Vite loads the development build of graphql, a second copy beside that of Pothos and yoga.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/long/**'],
    // Long enough for a machine with one busy core. It only ends a test that hangs; no test measures time with it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // More than the cores of CI: many tests wait for a timer or a program.
    maxWorkers: 5,
    // The files of a worker share their modules, which saves a third of the time. No module of ours keeps state.
    isolate: false,
    // For programs that get the environment of the tests.
    env: { NODE_COMPILE_CACHE: compileCache },
  },
})
