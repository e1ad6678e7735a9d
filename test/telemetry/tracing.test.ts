import { expect, it } from 'vitest'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'

it('without an SDK there is no tracing, so nothing is measured', () => {
  expect(createSilentTelemetry().tracing).toBeUndefined()
})
