import type { Bar } from './figures.ts'
import { shown } from './figures.ts'

const width = 760
const left = 230
const right = 60
const rowHeight = 34
const top = 74
const barHeight = 18

/**
 * Draws one bar for each server, from zero, with a line from the worst round to the best round. Readable on a light and
 * on a dark background.
 */
export function plot(title: string, subtitle: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(({ value }) => value.most), 1)
  const scale = (value: number) => (value / longest) * (width - left - right)
  const height = top + bars.length * rowHeight + 34
  const ticks = [0, 0.25, 0.5, 0.75, 1].filter((tick) => tick <= longest)
  const parts = [
    `<text x="16" y="28" class="title">${escapeXml(title)}</text>`,
    `<text x="16" y="50" class="faint">${escapeXml(subtitle)}</text>`,
    ...ticks.map((tick) => {
      const x = round(left + scale(tick))
      const foot = height - 28
      return `<line x1="${x}" y1="${top - 6}" x2="${x}" y2="${foot}" class="grid"/><text x="${x}" y="${foot + 16}" class="faint" text-anchor="middle">${tick}</text>`
    }),
    ...bars.map(({ name, value }, row) => {
      const y = top + row * rowHeight
      const middle = y + barHeight / 2
      const [least, most] = [round(left + scale(value.least)), round(left + scale(value.most))]
      const own = name === 'this gateway' ? ' own' : ''
      return [
        `<text x="${left - 12}" y="${middle + 5}" class="name${own}" text-anchor="end">${escapeXml(name)}</text>`,
        `<rect x="${left}" y="${y}" width="${round(scale(value.median))}" height="${barHeight}" class="bar${own}"/>`,
        `<line x1="${least}" y1="${middle}" x2="${most}" y2="${middle}" class="spread"/>`,
        `<text x="${most + 8}" y="${middle + 5}" class="name${own}">${shown(value.median)}</text>`,
      ].join('\n')
    }),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>${style}</style>
${parts.join('\n')}
</svg>
`
}

const style = `
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.faint { font-size: 12px; fill: #59636e }
.name.own { font-weight: 600 }
.bar { fill: #8c959f }
.bar.own { fill: #06a04a }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.spread { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  .bar { fill: #656c76 }
  .bar.own { fill: #2fbf6b }
  .grid { stroke: #3d444d }
  .spread { stroke: #e6edf3 }
}
`

export function round(value: number): number {
  return Math.round(value * 10) / 10
}

export function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
}
