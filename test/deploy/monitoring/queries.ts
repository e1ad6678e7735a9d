/** A metric of the replicas that are chosen in Grafana. Other gateways have the same metrics, and other programs those of Node. */
export function gauge(name: string, matchers = ''): string {
  return `${name}{${['job="$job"', 'instance=~"$instance"', matchers].filter(Boolean).join(', ')}}`
}

export function rate(name: string, matchers = '', over = '$__rate_interval'): string {
  return `rate(${gauge(name, matchers)}[${over}])`
}

export function increase(name: string, over = '1h'): string {
  return `increase(${gauge(name)}[${over}])`
}

export function by(labels: string, inner: string): string {
  return `sum by (${labels}) (${inner})`
}

/** Without traffic there is no value, in place of 0 divided by 0. */
export function share(part: string, whole: string): string {
  return `sum(${part}) / (sum(${whole}) > 0)`
}

/** Only lines with a value: all series are there from the start, and a legend of a hundred zeros says nothing. */
export function some(query: string): string {
  return `${query} > 0`
}

export function quantile(part: number, histogram: string, labels = ''): string {
  const all = ['le', labels].filter(Boolean).join(', ')
  return some(`histogram_quantile(${part}, ${by(all, rate(`${histogram}_bucket`))})`)
}

/** A query of all replicas, without Grafana's variables. `interval`: a duration of Prometheus, such as `1m`. */
export function plainQuery(expression: string, interval: string): string {
  const ofAll = expression.replaceAll('$job', 'line-graphql-gateway').replaceAll('$instance', '.*')
  return ofAll.replaceAll('$__rate_interval', interval)
}
