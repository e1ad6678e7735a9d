import { Counter, Histogram, type Registry } from 'prom-client'

/**
 * Counters and histograms for the hot path. An event costs one addition in a table of our own. prom-client gets the
 * numbers only when the metrics are read.
 */

/** Counts events. `add` takes the values of the labels, in the order of `labelNames`. */
export type Tally = { add(one: string, other?: string): void }

type TallyOptions = {
  readonly name: string
  readonly help: string
  /** One or two names. */
  readonly labelNames: readonly string[]
}

/** Makes a counter by labels. The labels must have few values: each combination is kept for ever. */
export function createTally(registry: Registry, { name, help, labelNames }: TallyOptions): Tally {
  const table = new Map<string, Map<string, { count: number }>>()
  new Counter({ name, help, labelNames: [...labelNames], registers: [registry], collect })
  return { add }

  function add(one: string, other = ''): void {
    const cell = table.get(one)?.get(other)
    if (cell === undefined) begin(one, other)
    else cell.count += 1
  }

  function begin(one: string, other: string): void {
    const row = table.get(one) ?? new Map()
    table.set(one, row.set(other, { count: 1 }))
  }

  function collect(this: Counter): void {
    this.reset()
    for (const [one, row] of table) {
      for (const [other, { count }] of row) this.inc(labelled(labelNames, one, other), count)
    }
  }
}

export type Durations = { observe(seconds: number, label?: string): void }

type DurationsOptions = {
  readonly name: string
  readonly help: string
  /** At most one name. */
  readonly labelNames?: readonly string[]
  /** Upper bounds in seconds, in ascending order. */
  readonly buckets: readonly number[]
}

/**
 * The durations of one label. `counts[n]` counts those up to bound n and above the bound before it. The last count is for
 * those above all bounds. `sum` is in seconds.
 */
type Observed = { readonly counts: number[]; sum: number }

export function createDurations(registry: Registry, options: DurationsOptions): Durations {
  const { name, help, labelNames = [], buckets } = options
  const table = new Map<string, Observed>()
  if (labelNames.length === 0) begin('')
  registry.registerMetric(
    new TabledHistogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [] }, readings),
  )
  return { observe }

  function observe(seconds: number, label = ''): void {
    const observed = table.get(label) ?? begin(label)
    let bucket = 0
    while (bucket < buckets.length && seconds > (buckets[bucket] ?? 0)) bucket += 1
    observed.counts[bucket] = (observed.counts[bucket] ?? 0) + 1
    observed.sum += seconds
  }

  function begin(label: string): Observed {
    const observed = { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 }
    table.set(label, observed)
    return observed
  }

  /** In the exposition format each bucket includes the counts of the smaller buckets. */
  function readings(): Reading[] {
    return [...table].flatMap(([label, { counts, sum }]) => {
      const sharedLabels = labelled(labelNames, label)
      let count = 0
      const below = [...buckets, '+Inf'].map((le, bucket): Reading => {
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
}

/** As prom-client's own histograms have them: the labels that all values of a histogram share are apart. */
type Reading = {
  readonly metricName: string
  readonly labels: Record<string, string | number>
  readonly sharedLabels: Readonly<Record<string, string>>
  readonly value: number
}

/** A prom-client histogram that reads its numbers from our own table. */
class TabledHistogram extends Histogram {
  readonly #facts: { readonly name: string; readonly help: string }
  readonly #read: () => Reading[]

  constructor(options: ConstructorParameters<typeof Histogram>[0], read: () => Reading[]) {
    super(options)
    this.#facts = { name: options.name, help: options.help }
    this.#read = read
  }

  /** prom-client calls this for the exposition format, and for the numbers that a worker gives to the primary process. */
  async getForPromString() {
    return { ...this.#facts, type: 'histogram', aggregator: 'sum', values: this.#read() }
  }
}

function labelled(names: readonly string[], ...values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
}
