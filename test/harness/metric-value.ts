/**
 * The sum of all series of a metric in the Prometheus text format. `selector`: its name, or `name{label="value",…}` for the series that
 * have these labels. Throws if there is none: a wrong name must not look like 0.
 */
export function metricValue(text: string, selector: string): number {
  const [, name, wanted = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(selector) ?? []
  const labels = wanted === '' ? [] : wanted.split(/,(?=\w+=)/)
  const series = text.split('\n').flatMap((line) => {
    const [, ownName, ownLabels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const own = ownLabels.split(/,(?=\w+=)/)
    return ownName === name && labels.every((label) => own.includes(label)) ? [Number(value)] : []
  })
  if (series.length === 0) throw new Error(`There is no series ${selector}`)
  return series.reduce((sum, value) => sum + value, 0)
}
