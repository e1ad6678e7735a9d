import { writeFileSync } from 'node:fs'
import { type Panel, type Row, rows } from './panels.ts'

/**
 * The text of `dashboard.json`, for Grafana 10.4 or later (schema 39). This program writes it:
 *
 *     node test/deploy/monitoring/dashboard.ts
 */
export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), null, 2)}\n`
}

/** Three panels side by side, on Grafana's grid of 24 columns. */
const perLine = 3
const [width, height] = [24 / perLine, 8]
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own form of a variable
const datasource = { type: 'prometheus', uid: '${datasource}' }

function dashboard() {
  return {
    title: 'LINE GraphQL Gateway',
    uid: 'line-graphql-gateway',
    description: 'Five questions of an operator. The runbooks of the alerts say what to do.',
    tags: ['line-graphql-gateway'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables() },
    annotations: { list: [] },
    panels: placed(),
  }
}

function variables() {
  const all = { text: 'All', value: '$__all' }
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1 },
    queryVariable('job', 'Gateway', 'label_values(gateway_build_info, job)'),
    {
      ...queryVariable('instance', 'Instance', 'label_values(gateway_build_info{job="$job"}, instance)'),
      includeAll: true,
      // So a replica is there as soon as it starts.
      allValue: '.*',
      multi: true,
      current: all,
    },
  ]
}

/** `refresh`: when the time range changes. */
function queryVariable(name: string, label: string, query: string) {
  return {
    name,
    label,
    type: 'query',
    datasource,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
  }
}

function placed() {
  let [y, id] = [0, 0]
  return rows.flatMap((row) => {
    const top = y + 1
    const panels = row.panels.map((panel, index) => panelAt(panel, ++id, index, top))
    const head = rowAt(row, ++id, y)
    y = top + Math.ceil(row.panels.length / perLine) * height
    return [head, ...panels]
  })
}

function rowAt({ question }: Row, id: number, y: number) {
  return { type: 'row', id, title: question, collapsed: false, panels: [], gridPos: { x: 0, y, w: 24, h: 1 } }
}

function panelAt({ title, description, unit, queries, empty }: Panel, id: number, index: number, top: number) {
  const line = Math.floor(index / perLine)
  return {
    type: 'timeseries',
    id,
    title,
    description,
    datasource,
    gridPos: { x: (index % perLine) * width, y: top + line * height, w: width, h: height },
    fieldConfig: {
      // `auto`: a value between two gaps is a point.
      defaults: {
        unit,
        min: unit === 'percentunit' ? undefined : 0,
        noValue: empty,
        custom: { fillOpacity: 8, showPoints: 'auto' },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(({ expression, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      datasource,
      expr: expression,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
    })),
  }
}

if (import.meta.main) writeFileSync(new URL('dashboard.json', import.meta.url), dashboardText())
