import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { compileCache } from './harness/compile-cache.ts'

/** These files mostly wait, each for many seconds. */
const longest = /browser\/(demo|graphiql|callback|login)|\/main\.test|shared-tier|check-line|login-matrix/

/** The longest files start first: one that starts last would hold up the whole run. */
export function longestFirst(longest: RegExp) {
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const sorted = await super.sort(files)
      const isLong = ({ moduleId }: TestSpecification) => longest.test(moduleId)
      return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
    }
  }
}

export default defineConfig({
  // Without these conditions Vite loads the development build of graphql, a second copy beside that of Pothos and yoga.
  ssr: { resolve: { conditions: ['module-sync', 'node', 'import'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/long/**'],
    // Long enough for a machine with one busy core. It only ends a test that hangs; no test measures time with it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The default is one second, too short for a program, a connection or a reader on such a machine.
    expect: { poll: { timeout: 30_000 } },
    // More than the cores of CI: many tests wait for a timer or a program.
    maxWorkers: 5,
    // The files of a worker share their modules, which saves a third of the time. No module of ours keeps state.
    isolate: false,
    sequence: { sequencer: longestFirst(longest) },
    // For programs that get the environment of the tests.
    env: { NODE_COMPILE_CACHE: compileCache },
  },
})
