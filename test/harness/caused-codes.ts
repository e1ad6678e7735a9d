import { faceNames, type HttpRoute, httpRoutes } from '../../src/telemetry/metric-labels.ts'
import { metricTable } from '../../src/telemetry/metric-table.ts'
import { seriesIn } from './series.ts'

const isFace = (operation: string) => faceNames.some((name) => name === operation)
/** The root fields of GraphQL have one list of codes, requests that are not executed another, and each face its own. */
const groupOf = (operation: string) => (operation === 'none' || isFace(operation) ? operation : 'field')

/** The codes of the contract that no request has got, by the metrics of some gateways. */
export function codesNotCaused(metrics: string, of: 'graphql' | 'faces'): string[] {
  const caused = seriesIn(metrics).filter(({ name, value }) => name === 'gateway_operations_total' && value > 0)
  const got = new Set(caused.map(({ labels: { operation = '', code } }) => `${groupOf(operation)} ${code}`))
  const own = metricTable.gateway_operations_total.series.filter(
    ([operation = '']) => isFace(operation) === (of === 'faces'),
  )
  const all = new Set(own.map(([operation = '', code]) => `${groupOf(operation)} ${code}`))
  return [...all].filter((one) => !got.has(one))
}

/** The same for the HTTP statuses of these routes. */
export function statusesNotCaused(metrics: string, routes: readonly HttpRoute[]): string[] {
  const name = 'http_server_request_duration_seconds_count'
  const caused = seriesIn(metrics).filter((one) => one.name === name && one.value > 0)
  const got = new Set(caused.map(({ labels }) => `${labels.http_route} ${labels.http_response_status_code}`))
  const all = new Set(routes.flatMap((route) => statusesOf(route).map((status) => `${route} ${status}`)))
  return [...all].filter((one) => !got.has(one))
}

function statusesOf(route: HttpRoute): readonly number[] {
  return Object.values<readonly number[]>(httpRoutes[route]).flat()
}
