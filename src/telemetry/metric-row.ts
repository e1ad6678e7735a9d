/** A metric of the gateway, as a row of `metricTable`. */
export type MetricRow = {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: readonly string[]
  /** The label values of each series, in the order of `labels`. All series are there from the start. */
  readonly series?: readonly (readonly string[])[]
  /** Labels that follow from the others. */
  readonly derived?: {
    readonly labels: readonly string[]
    readonly of: (values: readonly string[]) => Readonly<Record<string, string>>
  }
  /** Labels with one value each, which `createMetrics` gets when it makes the metric. */
  readonly constants?: readonly string[]
  /** Upper bounds of a histogram in seconds, in ascending order. */
  readonly buckets?: readonly number[]
  /** How the values of several worker processes become one. Default: `sum`. */
  readonly overWorkers?: 'sum' | 'max' | 'min'
  /** The setting without which the metric does not exist. */
  readonly needs?: 'REDIS_URL' | 'WORKERS' | 'SIGNING_KEYS_FILE'
}

/** The series of one label. */
export function each<const Value extends string>(values: readonly Value[]): readonly (readonly [Value])[] {
  return values.map((value) => [value])
}

/** The series of two labels, if each value of one goes with each value of the other. */
export function pairs<const First extends string, const Second extends string>(
  firsts: readonly First[],
  seconds: readonly Second[],
): readonly (readonly [First, Second])[] {
  return firsts.flatMap((first) => seconds.map((second) => [first, second] as const))
}
