import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync(new URL('../../src/emulator/pages/style.css', import.meta.url), 'utf8')
const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]+)\}/g)].map(([, block]) => block)

/** Text and what is behind it, as the stylesheet combines them. */
const texts = [
  ...['ink', 'quiet', 'green', 'red', 'amber'].flatMap((ink) => [`${ink} on paper`, `${ink} on ground`]),
  'on-green on green',
  'paper on amber',
]
/** Borders of buttons and fields, the focus, the bars of the chart. */
const shapes = ['quiet on paper', 'green on paper', 'green on ground', 'amber on ground', 'red on ground']

describe.each([
  ['light', coloursIn(light)],
  ['dark', coloursIn(light + dark)],
])('the stylesheet in %s mode: contrast AA', (_, colours) => {
  it.each(texts)('text, %s: 4.5 or more', (pair) => {
    expect(contrastOf(pair, colours)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(shapes)('shape, %s: 3 or more', (pair) => {
    expect(contrastOf(pair, colours)).toBeGreaterThanOrEqual(3)
  })
})

type Colours = ReadonlyMap<string, string>

function coloursIn(block: string): Colours {
  return new Map([...block.matchAll(/--([\w-]+): (#\w+)/g)].map(([, name = '', colour = '']) => [name, colour]))
}

/** WCAG 2.2, "contrast ratio". */
function contrastOf(pair: string, colours: Colours): number {
  const [one = 0, other = 0] = pair.split(' on ').map((name) => luminanceOf(colours.get(name) ?? ''))
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
}

/** WCAG 2.2, "relative luminance". `#rgb` or `#rrggbb`. */
function luminanceOf(colour: string): number {
  const digits = colour.length === 4 ? colour.replace(/\w/g, '$&$&') : colour
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
    linear(Number.parseInt(digits.slice(at, at + 2), 16) / 255),
  )
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
}
