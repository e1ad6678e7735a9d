import { expect } from 'vitest'
import type { LogRow } from '../../src/telemetry/log-row.ts'
import { type LogName, logTable } from '../../src/telemetry/log-table.ts'

type Line = Readonly<Record<string, unknown>>

export const logRows = Object.entries(logTable) as readonly (readonly [LogName, LogRow])[]

/** Expects that each line is one of `logTable`, with its level and only its fields, and that there are lines of these names. */
export function expectKnownLines(log: string, ...names: readonly LogName[]): void {
  const lines: Line[] = log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const found = lines.map((line) => [line, nameOf(line)] as const)
  expect(found.filter(([, name]) => name === undefined).map(([line]) => line)).toEqual([])
  expect([...new Set(found.map(([, name]) => name))]).toEqual(expect.arrayContaining([...names]))
}

function nameOf(line: Line): LogName | undefined {
  // The pattern of a warning about a setting fits others too, and it stands above them.
  return logRows.findLast(([name, row]) => isOf(name, row, line))?.[0]
}

function isOf(name: LogName, row: LogRow, { level: number, time, msg, leftOut, ...own }: Line) {
  const { level, message, messageWithoutNetwork, fields } = row
  if (number !== levels[level] || typeof time !== 'string' || !['undefined', 'number'].includes(typeof leftOut))
    return false
  const pattern = name === 'settingWarning' ? warning : patternOf(message)
  if (!pattern.test(String(msg)) && msg !== messageWithoutNetwork) return false
  const needed = Object.keys(fields).filter(
    (field) => fields[field]?.isOptional === false && fields[field]?.isPersonal === false,
  )
  return (
    needed.every((field) => field in own) && Object.entries(own).every(([field, value]) => fits(fields[field], value))
  )
}

function fits(field: LogRow['fields'][string] | undefined, value: unknown): boolean {
  if (field?.type === 'list') return Array.isArray(value) && value.every((one) => typeof one === 'string')
  return field !== undefined && typeof value === (field.type === 'text' ? 'string' : field.type)
}

function patternOf(message: string): RegExp {
  const parts = message.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[\\w.:]+')}$`)
}

const levels = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 }
/** It begins with the name of a setting, or of a variable that is almost one. */
const warning = /^(\.env|[A-Z][A-Z0-9_]+): ./
