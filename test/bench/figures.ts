import { type Spread, spreadOf } from './rounds.ts'

/** One number of the results, and its target. */
export type Figure = {
  readonly name: string
  readonly value: Spread
  readonly unit: '×' | 'ms' | 'µs' | 'B' | ''
  readonly goal?: Goal
}

export type Goal =
  | { readonly atLeast: number; readonly stretch?: number }
  | { readonly atMost: number; readonly stretch?: number }

/** One section of the report: the results of a measure. */
export type Section = {
  readonly title: string
  /** How it was measured, in a few sentences. */
  readonly how: string
  readonly figures: readonly Figure[]
  /** The measured values from which the figures are computed. They depend on the machine. */
  readonly details?: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** For the plot: one ratio for each server. */
  readonly bars?: readonly Bar[]
}

export type Bar = { readonly name: string; readonly value: Spread }

export type Verdict = 'stretch' | 'met' | 'missed'

export function verdictOf({ value, goal }: Figure): Verdict | undefined {
  if (goal === undefined) return undefined
  const { median } = value
  const reaches = (mark: number) => ('atLeast' in goal ? median >= mark : median <= mark)
  if (goal.stretch !== undefined && reaches(goal.stretch)) return 'stretch'
  return reaches('atLeast' in goal ? goal.atLeast : goal.atMost) ? 'met' : 'missed'
}

export function goalText({ goal, unit }: Figure): { readonly target: string; readonly stretch: string } {
  if (goal === undefined) return { target: '', stretch: '' }
  const sign = 'atLeast' in goal ? '≥' : '≤'
  const mark = 'atLeast' in goal ? goal.atLeast : goal.atMost
  const text = (value: number) => `${sign} ${withUnit(String(value), unit)}`
  return { target: text(mark), stretch: goal.stretch === undefined ? '' : text(goal.stretch) }
}

export function valueText({ value, unit }: Figure): string {
  return withUnit(shown(value.median), unit)
}

function withUnit(value: string, unit: Figure['unit']): string {
  return unit === '×' || unit === '' ? value : `${value} ${unit}`
}

export function spreadText({ value }: Figure): string {
  return value.rounds < 2 ? '' : `${shown(value.least)} – ${shown(value.most)} (${value.rounds})`
}

/** Rounds to about three digits. The third one already differs from run to run. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (Number.isInteger(value) || size >= 100) return String(Math.round(value))
  return value.toFixed(size >= 10 ? 1 : 2)
}

export function medianText(values: readonly number[]): string {
  return shown(spreadOf(values).median)
}

/** The median and the least value. Other jobs on the machine can only make a request cost more. */
export function costText(values: readonly number[]): string {
  const { median, least } = spreadOf(values)
  return `${shown(median)} (${shown(least)})`
}
