import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MetricRow } from './metric-row.ts'
import { createSeriesTable, type SeriesTable } from './series-table.ts'

/**
 * Counters, histograms and gauges of the metric table. An event costs one addition in a table of our own. prom-client gets the
 * numbers only when the metrics are read.
 */

type Labels = Readonly<Record<string, string>>

/** A row of the metric table, with its name and the values of its constant labels. */
export type Meter = MetricRow & { readonly name: string; readonly constantValues?: Labels }

/** Counts events. `labels` are the values, in the order of the table. */
export type Tally<Values extends readonly string[] = readonly string[]> = {
  add(...labels: Values): void
  /** For the hot path: as `add`, without a new array. */
  addTo(labels: Values): void
}

export function createTally(registry: Registry, meter: Meter): Tally {
  const { name, help } = meter
  const table = createSeriesTable(meter, (values) => ({ labels: labelsOf(meter, values), count: 0 }))
  const options = { name, help, labelNames: labelNamesOf(meter), registers: [] }
  registry.registerMetric(new TabledCounter(options, readings))
  return { add, addTo }

  function add(...labels: readonly string[]): void {
    table.cellOf(labels).count += 1
  }

  function addTo(labels: readonly string[]): void {
    table.cellOf(labels).count += 1
  }

  function readings(): SeriesReading[] {
    return table.all().map(({ labels, count }) => ({ labels: {}, sharedLabels: labels, value: count }))
  }
}

/** Keeps durations. `labels` are the values, in the order of the table. */
export type Durations<Values extends readonly string[] = readonly string[]> = {
  observe(seconds: number, ...labels: Values): void
}

/**
 * The durations of one series. `counts[n]` counts those up to bound n and above the bound before it. The last count is for
 * those above all bounds. `sum` is in seconds.
 */
type Observed = { readonly labels: Labels; readonly counts: number[]; sum: number }

export function createDurations(registry: Registry, meter: Meter): Durations {
  const { name, help, buckets = [] } = meter
  const table = createSeriesTable<Observed>(meter, (values) => ({
    labels: labelsOf(meter, values),
    counts: new Array(buckets.length + 1).fill(0),
    sum: 0,
  }))
  const options = { name, help, labelNames: labelNamesOf(meter), buckets: [...buckets], registers: [] }
  registry.registerMetric(new TabledHistogram(options, () => bucketsOf(meter, table)))
  return { observe }

  function observe(seconds: number, ...labels: readonly string[]): void {
    const observed = table.cellOf(labels)
    let bucket = 0
    while (bucket < buckets.length && seconds > (buckets[bucket] ?? 0)) bucket += 1
    observed.counts[bucket] = (observed.counts[bucket] ?? 0) + 1
    observed.sum += seconds
  }
}

/** What a gauge reads: one value, or the value of each series with its labels. */
export type Reading = number | readonly (readonly [value: number, ...labels: string[]])[]

/** `read` is called each time the metrics are read. */
export function createGauge(registry: Registry, meter: Meter, read: () => Reading): void {
  const { name, help, overWorkers = 'sum' } = meter
  new Gauge({ name, help, labelNames: labelNamesOf(meter), registers: [registry], aggregator: overWorkers, collect })

  function collect(this: Gauge): void {
    const reading = read()
    if (typeof reading === 'number') this.set(labelsOf(meter, []), reading)
    else for (const [value, ...labels] of reading) this.set(labelsOf(meter, labels), value)
  }
}

export function labelNamesOf({ labels = [], derived, constants = [] }: MetricRow): string[] {
  return [...labels, ...(derived?.labels ?? []), ...constants]
}

function labelsOf({ labels = [], derived, constantValues }: Meter, values: readonly string[]): Record<string, string> {
  const own = Object.fromEntries(labels.map((label, index) => [label, values[index] ?? '']))
  return { ...own, ...derived?.of(values), ...constantValues }
}

/** In the exposition format each bucket includes the counts of the smaller buckets. */
function bucketsOf({ name, buckets = [] }: Meter, table: SeriesTable<Observed>): SeriesReading[] {
  return table.all().flatMap(({ labels: sharedLabels, counts, sum }) => {
    let count = 0
    const below = [...buckets, '+Inf'].map((le, bucket): SeriesReading => {
      count += counts[bucket] ?? 0
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count }
    })
    return [
      ...below,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
    ]
  })
}

/** As prom-client's own histograms have them. It keeps the text of `sharedLabels` while the object is the same. */
type SeriesReading = {
  readonly metricName?: string
  readonly labels: Record<string, string | number>
  readonly sharedLabels: Labels
  readonly value: number
}

/** A prom-client counter that reads its numbers from our own table: a second table of its own would cost each reader much. */
class TabledCounter extends Counter {
  readonly #facts: { readonly name: string; readonly help: string }
  readonly #read: () => SeriesReading[]

  constructor(options: ConstructorParameters<typeof Counter>[0], read: () => SeriesReading[]) {
    super(options)
    this.#facts = { name: options.name, help: options.help }
    this.#read = read
  }

  /** For the exposition format. */
  async getForPromString() {
    return { ...this.#facts, type: 'counter', aggregator: 'sum', values: this.#read() }
  }

  /** For the numbers that a worker gives to the primary process. */
  override async get(): ReturnType<Counter['get']> {
    const values = this.#read().map(({ sharedLabels, value }) => ({ labels: { ...sharedLabels }, value }))
    // The types of prom-client say that a metric's type is a number. It is a word.
    return { ...this.#facts, type: 'counter', aggregator: 'sum', values } as unknown as Awaited<
      ReturnType<Counter['get']>
    >
  }
}

/** A prom-client histogram that reads its numbers from our own table. */
class TabledHistogram extends Histogram {
  readonly #facts: { readonly name: string; readonly help: string }
  readonly #read: () => SeriesReading[]

  constructor(options: ConstructorParameters<typeof Histogram>[0], read: () => SeriesReading[]) {
    super(options)
    this.#facts = { name: options.name, help: options.help }
    this.#read = read
  }

  /** prom-client calls this for the exposition format, and for the numbers that a worker gives to the primary process. */
  async getForPromString() {
    return { ...this.#facts, type: 'histogram', aggregator: 'sum', values: this.#read() }
  }
}
