import { escapeXml, round } from './plot.ts'

/** One panel of a dashboard: lines over the same time. */
export type Panel = {
  readonly title: string
  /** How a value is written. */
  readonly shown: (value: number) => string
  readonly lines: readonly Line[]
}

/** `points`: seconds from the start, and the value at that time. Without a value the line has a gap. */
export type Line = { readonly name: string; readonly points: readonly (readonly [seconds: number, value: number])[] }

/** A time of the run with a name, drawn behind the lines of all panels. */
export type Span = { readonly name: string; readonly from: number; readonly to: number }

export type Row = { readonly title: string; readonly panels: readonly Panel[] }

export type PanelsOptions = {
  readonly title: string
  /** Lines of text. */
  readonly subtitle: readonly string[]
  /** How long the run lasts. */
  readonly seconds: number
  /** The longest distance of two points that are joined. */
  readonly gapSeconds: number
  readonly spans: readonly Span[]
}

const columns = 3
const panelWidth = 380
const chartHeight = 96
const legendRow = 16
const mostLines = 5
const gap = 16
const margin = 16
const chartTop = 30
const axisWidth = 44
const width = 2 * margin + columns * panelWidth + (columns - 1) * gap

/** Draws rows of panels, as a dashboard shows them. Readable on a light and on a dark background. */
export function plotPanels(rows: readonly Row[], options: PanelsOptions): string {
  const parts: string[] = [
    `<text x="${margin}" y="30" class="title">${escapeXml(options.title)}</text>`,
    ...options.subtitle.map(
      (line, index) => `<text x="${margin}" y="${50 + index * legendRow}" class="faint">${escapeXml(line)}</text>`,
    ),
  ]
  let y = 50 + options.subtitle.length * legendRow
  for (const { title, panels } of rows) {
    parts.push(`<text x="${margin}" y="${y + 14}" class="row">${escapeXml(title)}</text>`)
    y += 24
    for (let first = 0; first < panels.length; first += columns) {
      const beside = panels.slice(first, first + columns)
      const height = chartTop + chartHeight + 24 + legendRow * Math.max(...beside.map(legendRows))
      for (const [column, panel] of beside.entries())
        parts.push(plotPanel(panel, margin + column * (panelWidth + gap), y, height, options))
      y += height + gap
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" aria-label="${escapeXml(options.title)}">
<style>${style}</style>
${parts.join('\n')}
</svg>
`
}

function legendRows({ lines }: Panel): number {
  return Math.min(lines.length, mostLines + 1)
}

function plotPanel(panel: Panel, x: number, y: number, height: number, options: PanelsOptions): string {
  const busiest = panel.lines.toSorted((one, other) => areaOf(other) - areaOf(one)).slice(0, mostLines)
  const highest = Math.max(...busiest.flatMap(({ points }) => points.map(([, value]) => value)), 0)
  const top = highest > 0 ? highest * 1.1 : 1
  const [chartX, chartY] = [x + axisWidth, y + chartTop]
  const chartWidth = panelWidth - axisWidth - 12
  const xOf = (seconds: number) => round(chartX + (seconds / options.seconds) * chartWidth)
  const yOf = (value: number) => round(chartY + chartHeight - (value / top) * chartHeight)
  return [
    `<rect x="${x}" y="${y}" width="${panelWidth}" height="${height}" rx="6" class="panel"/>`,
    `<text x="${x + 12}" y="${y + 20}" class="name">${escapeXml(panel.title)}</text>`,
    ...options.spans.map(
      ({ from, to }) =>
        `<rect x="${xOf(from)}" y="${chartY}" width="${round(xOf(to) - xOf(from))}" height="${chartHeight}" class="span"/>`,
    ),
    ...[0, highest].map((value) => gridLine(chartX, yOf(value), chartWidth, panel.shown(value))),
    ...busiest.map(
      ({ points }, index) => `<path d="${pathOf(points, xOf, yOf, options.gapSeconds)}" class="line l${index}"/>`,
    ),
    ...legendOf(panel, busiest, chartX, chartY + chartHeight + 20),
  ].join('\n')
}

function areaOf({ points }: Line): number {
  return points.reduce((sum, [, value]) => sum + Math.abs(value), 0)
}

function gridLine(x: number, y: number, length: number, text: string): string {
  const line = `<line x1="${x}" y1="${y}" x2="${x + length}" y2="${y}" class="grid"/>`
  return `${line}<text x="${x - 6}" y="${y + 4}" class="faint" text-anchor="end">${escapeXml(text)}</text>`
}

function pathOf(
  points: Line['points'],
  xOf: (seconds: number) => number,
  yOf: (value: number) => number,
  gapSeconds: number,
): string {
  let before = Number.NEGATIVE_INFINITY
  return points
    .map(([seconds, value]) => {
      const step = `${seconds - before > gapSeconds ? 'M' : 'L'}${xOf(seconds)} ${yOf(value)}`
      before = seconds
      return step
    })
    .join('')
}

function legendOf({ lines, shown }: Panel, busiest: readonly Line[], x: number, y: number): string[] {
  const rows = busiest.map(({ name, points }, index) => {
    const most = Math.max(...points.map(([, value]) => value))
    const text = `${name || 'all'}: at most ${shown(most)}`
    return `<rect x="${x}" y="${y + index * legendRow - 8}" width="10" height="3" class="key l${index}"/><text x="${x + 16}" y="${y + index * legendRow - 3}" class="faint">${escapeXml(text)}</text>`
  })
  const left = lines.length - busiest.length
  if (left > 0)
    rows.push(`<text x="${x + 16}" y="${y + busiest.length * legendRow - 3}" class="faint">and ${left} more</text>`)
  return rows
}

const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.row { font-weight: 600 }
.faint { font-size: 11px; fill: #59636e }
.panel { fill: none; stroke: #d1d9e0 }
.span { fill: #cf222e; opacity: 0.1 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 1.6 }
.line.l0 { stroke: #06a04a } .line.l1 { stroke: #0969da } .line.l2 { stroke: #bc4c00 } .line.l3 { stroke: #8250df } .line.l4 { stroke: #656d76 }
.key.l0 { fill: #06a04a } .key.l1 { fill: #0969da } .key.l2 { fill: #bc4c00 } .key.l3 { fill: #8250df } .key.l4 { fill: #656d76 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  .panel, .grid { stroke: #3d444d }
  .line.l0 { stroke: #2fbf6b } .line.l1 { stroke: #58a6ff } .line.l2 { stroke: #f0883e } .line.l3 { stroke: #bc8cff } .line.l4 { stroke: #9198a1 }
  .key.l0 { fill: #2fbf6b } .key.l1 { fill: #58a6ff } .key.l2 { fill: #f0883e } .key.l3 { fill: #bc8cff } .key.l4 { fill: #9198a1 }
}
`
