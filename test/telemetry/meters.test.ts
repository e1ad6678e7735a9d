import { Counter, Histogram, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createDurations, createTally } from '../../src/telemetry/meters.ts'

/** Our meters use one registry, prom-client's own use another. Both must print the same lines. */
function registries() {
  return { ours: new Registry(), theirs: new Registry() }
}

const linesOf = async (registry: Registry) => (await registry.metrics()).split('\n').sort()

describe('durations', () => {
  const buckets = [0.005, 0.1, 1]
  const seconds = [0, 0.004, 0.005, 0.0051, 0.1, 0.9999, 1, 1.0001, 250]

  it('on a bound and above the last one: the same lines as prom-client', async () => {
    const { ours, theirs } = registries()
    const durations = createDurations(ours, { name: 'd', help: 'h', type: 'histogram', buckets })
    const histogram = new Histogram({ name: 'd', help: 'h', buckets, registers: [theirs] })
    expect(await linesOf(ours)).toEqual(await linesOf(theirs))
    for (const value of seconds) {
      durations.observe(value)
      histogram.observe(value)
    }
    expect(await linesOf(ours)).toEqual(await linesOf(theirs))
  })

  it('with a label: the same lines as prom-client', async () => {
    const { ours, theirs } = registries()
    const row = { name: 'd', help: 'h', type: 'histogram', buckets } as const
    const durations = createDurations(ours, { ...row, labels: ['endpoint'] })
    const histogram = new Histogram({ name: 'd', help: 'h', buckets, labelNames: ['endpoint'], registers: [theirs] })
    for (const [index, value] of seconds.entries()) {
      const endpoint = index % 3 === 0 ? 'verify' : 'profile'
      durations.observe(value, endpoint)
      histogram.observe({ endpoint }, value)
    }
    expect(await linesOf(ours)).toEqual(await linesOf(theirs))
  })
})

describe('a tally', () => {
  it.each([[['one']], [['one', 'other']]])(
    'by %j: the same lines as prom-client, each time the metrics are read',
    async (labelNames) => {
      const { ours, theirs } = registries()
      const tally = createTally(ours, { name: 't', help: 'h', type: 'counter', labels: labelNames })
      const counter = new Counter({ name: 't', help: 'h', labelNames, registers: [theirs] })
      for (let round = 0; round < 2; round++) {
        for (const [one, other] of [
          ['a', 'x'],
          ['a', 'y'],
          ['b', 'x'],
          ['a', 'x'],
        ] as const) {
          tally.add(...(labelNames.length > 1 ? [one, other] : [one]))
          counter.inc(labelNames.length > 1 ? { one, other } : { one })
        }
        expect(await linesOf(ours)).toEqual(await linesOf(theirs))
      }
    },
  )
})
