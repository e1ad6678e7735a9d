import { Counter, Histogram, type Registry } from 'prom-client'

/**
 * Counters and histograms for places where everything counts: an event is one addition in a table of our own, and
 * prom-client hears of it when somebody asks for the metrics.
 */

export type Tally = { add(one: string, other?: string): void }

type TallyOptions = {
  readonly name: string
  readonly help: string
  /** One or two. */
  readonly labelNames: readonly string[]
}

/** Events by their labels, which must be few. */
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
  /** None or one. */
  readonly labelNames?: readonly string[]
  /** Upper bounds in seconds, rising. */
  readonly buckets: readonly number[]
}

/** How many durations fell below each bound and above the one before it, by their label; past the last bound last. */
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

  /** As the exposition format wants them: each bucket holds those below it too. */
  function readings(): Reading[] {
    return [...table].flatMap(([label, { counts, sum }]) => {
      const labels = labelled(labelNames, label)
      let count = 0
      const below = [...buckets, '+Inf'].map((le, bucket): Reading => {
        count += counts[bucket] ?? 0
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
      })
      return [
        ...below,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]
    })
  }
}

type Reading = {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** A histogram whose numbers are kept elsewhere. */
class TabledHistogram extends Histogram {
  readonly #facts: { readonly name: string; readonly help: string }
  readonly #read: () => Reading[]

  constructor(options: ConstructorParameters<typeof Histogram>[0], read: () => Reading[]) {
    super(options)
    this.#facts = { name: options.name, help: options.help }
    this.#read = read
  }

  /** What a registry asks a metric when it writes the exposition format. */
  async getForPromString() {
    return { ...this.#facts, type: 'histogram', aggregator: 'sum', values: this.#read() }
  }
}

function labelled(names: readonly string[], ...values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
}
