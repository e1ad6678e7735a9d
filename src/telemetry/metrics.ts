import { setImmediate } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { version } from '../version.ts'
import {
  createDurations,
  createGauge,
  createTally,
  type Durations,
  type Meter,
  type Reading,
  type Tally,
} from './meters.ts'
import type { MetricRow } from './metric-row.ts'
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelValues,
  type MetricName,
  metricTable,
} from './metric-table.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { type Numbers, numbersOf } from './worker-numbers.ts'

/** The metrics of the table `metricTable`, and those of the process. */
export type Metrics = {
  readonly counter: <Name extends CounterName>(name: Name) => Tally<LabelValues<Name>>
  readonly histogram: <Name extends HistogramName>(name: Name) => Durations<LabelValues<Name>>
  /** Adds a gauge. `read` is called each time the metrics are read. */
  gauge(name: GaugeName, read: () => Reading): void
  /** Makes the histogram of the HTTP requests to LINE, which has LINE's address in its labels. */
  addClient(address: string, port: string): Durations
  /** Prometheus text exposition format. */
  text(): Promise<{ readonly contentType: string; readonly text: string }>
  /** The same as numbers, for the process that adds up those of all workers. */
  numbers(): Promise<Numbers>
}

/** As long as requests may have a turn of the event loop (`http/turns.ts`). */
const pieceMs = 10

export function createMetrics(): Metrics {
  const registry = new Registry()
  const counters = new Map<string, Tally>()
  const histograms = new Map<string, Durations>()
  addProcessMetrics(registry)
  gauge('gateway_build_info', () => [[1, version, process.version]])
  for (const name of Object.keys(metricTable) as MetricName[]) makeIfCounted(name)

  return {
    counter: (name) => found(counters, name),
    histogram: (name) => found(histograms, name),
    gauge,
    addClient,
    text,
    numbers,
  }

  /** Gauges are made by those who can read them. */
  function makeIfCounted(name: MetricName): void {
    const meter = meterOf(name)
    if (meter.type === 'counter') counters.set(name, createTally(registry, meter))
    if (meter.type === 'histogram' && meter.constants === undefined)
      histograms.set(name, createDurations(registry, meter))
  }

  function gauge(name: GaugeName, read: () => Reading): void {
    createGauge(registry, meterOf(name), read)
  }

  function addClient(address: string, port: string): Durations {
    const constantValues = { server_address: address, server_port: port }
    return createDurations(registry, { ...meterOf('http_client_request_duration_seconds'), constantValues })
  }

  /**
   * All of them at once would take milliseconds. So others have their turn of the event loop, but not after each metric: on a
   * busy machine a turn takes so long that Prometheus would stop waiting.
   */
  async function text() {
    const texts: string[] = []
    let startedAt = performance.now()
    for (const { name } of registry.getMetricsAsArray()) {
      texts.push(await registry.getSingleMetricAsString(name))
      if (performance.now() - startedAt < pieceMs) continue
      await setImmediate()
      startedAt = performance.now()
    }
    return { contentType: registry.contentType, text: `${texts.join('\n\n')}\n` }
  }

  function numbers() {
    return numbersOf(registry)
  }
}

function meterOf(name: MetricName): Meter {
  const row: MetricRow = metricTable[name]
  return { name, ...row }
}

function found<Made>(made: ReadonlyMap<string, Made>, name: string): Made {
  const one = made.get(name)
  if (one === undefined) throw new TypeError(`${name} is not made here`)
  return one
}
