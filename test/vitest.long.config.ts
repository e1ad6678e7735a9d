import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** `npm run test:long`: floods and other tests that take minutes. One file at a time, because they print figures. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/long/**/*.test.ts'],
    exclude: [],
    testTimeout: 600_000,
    fileParallelism: false,
  },
})
