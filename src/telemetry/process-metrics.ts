import { collectDefaultMetrics, Registry } from 'prom-client'

/** The metrics of this process. prom-client observes the process without an end, so it does that only once. */
let ofProcess: Registry | undefined

/**
 * Adds the metrics of the process (memory, event loop, garbage collection) to those of a gateway. If each gateway observed the
 * process itself, its observers would keep a closed gateway in memory, with its records.
 */
export function addProcessMetrics(registry: Registry): void {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  for (const { name } of ofProcess.getMetricsAsArray()) {
    const metric = ofProcess.getSingleMetric(name)
    if (metric) registry.registerMetric(metric)
  }
}
