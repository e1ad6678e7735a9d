/** One series of the metrics. `name` has the suffix of histograms: `_bucket`, `_sum`, `_count`. */
export type Series = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** All series in a text of the Prometheus exposition format. */
export function seriesIn(text: string): Series[] {
  const lines = text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)
  return Array.from(lines, ([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries(Array.from(labels.matchAll(/(\w+)="([^"]*)"/g), ([, label, text]) => [label, text])),
    value: Number(value?.replace('Inf', 'Infinity')),
  }))
}

/** How much the series of one metric have grown. Keys: the values of these labels. Those that are as before are left out. */
export function growth(
  [before, after]: readonly [readonly Series[], readonly Series[]],
  name: string,
  labels: readonly string[],
): Record<string, number> {
  const [old, young] = [before, after].map((some) => sums(some, name, labels))
  const grown = Object.entries(young ?? {}).map(([key, value]) => [key, value - (old?.[key] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, by]) => by !== 0))
}

function sums(series: readonly Series[], name: string, labels: readonly string[]): Record<string, number> {
  const all: Record<string, number> = {}
  for (const one of series) {
    if (one.name !== name) continue
    const key = labels.map((label) => one.labels[label] || '-').join(' ')
    all[key] = (all[key] ?? 0) + one.value
  }
  return all
}
