import { AggregatorRegistry, type Registry } from 'prom-client'

/** The metrics of one process. They can be sent to another process. */
export type Numbers = Awaited<ReturnType<Registry['getMetricsAsJSON']>>
type Metric = Numbers[number]

/** Adds up the metrics of several processes. Counters never go down, also when a process ends. */
export type WorkerNumbers = {
  /** The newest numbers of a process. They replace its earlier ones. */
  keep(worker: number, numbers: Numbers): void
  /** The process has ended: its last counts stay, and its gauges go. */
  ended(worker: number): void
  /** All of it in the Prometheus text format, with the numbers of this process. */
  write(own: Numbers): Promise<{ readonly contentType: string; readonly text: string }>
}

/** The metrics of this process as numbers. A gauge without a value is left out. */
export async function numbersOf(registry: Registry): Promise<Numbers> {
  return (await registry.getMetricsAsJSON()).map((metric) => ({
    ...metric,
    aggregator: aggregatorOf(metric),
    values: metric.values.filter(({ value }) => !Number.isNaN(value)),
  }))
}

export function createWorkerNumbers(): WorkerNumbers {
  const latest = new Map<number, Numbers>()
  let ofEnded: readonly object[] = []

  return { keep, ended, write }

  function keep(worker: number, numbers: Numbers): void {
    latest.set(worker, numbers)
  }

  function ended(worker: number): void {
    const counts = (latest.get(worker) ?? []).filter(isCount)
    ofEnded = AggregatorRegistry.aggregate([ofEnded, counts]).getMetricsAsArray()
    latest.delete(worker)
  }

  async function write(own: Numbers) {
    const all = AggregatorRegistry.aggregate([own, ...latest.values(), ofEnded])
    return { contentType: all.contentType, text: await all.metrics() }
  }
}

/** The types of prom-client say that a metric's type is a number. It is a word. */
function isCount({ type }: Metric): boolean {
  return String(type) === 'counter' || String(type) === 'histogram'
}

/** prom-client takes the average of the delays of the event loop: one busy process would hide behind idle ones. */
function aggregatorOf({ name, aggregator }: Metric): Metric['aggregator'] {
  if (name.startsWith('nodejs_eventloop_lag') && aggregator === 'average') return 'max'
  return nodeAggregators[name] ?? aggregator
}

/** The service is as old as its oldest process, and has as many file descriptors as the process with the fewest. */
const nodeAggregators: Readonly<Record<string, Metric['aggregator']>> = {
  process_start_time_seconds: 'min',
  process_max_fds: 'min',
}
