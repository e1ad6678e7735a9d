import pino, { type Logger } from 'pino'
import type { LogLevel, LogRow } from './log-row.ts'
import { type LogName, type LogValues, logTable } from './log-table.ts'
import { createGivenLogWriter, createLogWriter } from './log-writer.ts'
import type { BlamedSetting } from './metric-labels.ts'
import { createSampler } from './sampler.ts'

export type LogOptions = {
  readonly logLevel: string
  /** Whether lines have the networks of clients, which are personal data. Default: true. */
  readonly logClientNetwork?: boolean
  /** Receives the log lines. Default: standard output, without waiting for its reader. */
  readonly destination?: { write(line: string): unknown }
}

/** Called for each such event. */
export type LogEvents = {
  /** A line was to be written that blames this setting. */
  misconfigured(setting: BlamedSetting): void
  dropped(): void
  leftOut(): void
}

export type Log = {
  readonly write: WriteLine
  isEnabled(level: LogLevel): boolean
  /** Writes the counts of lines that were left out. For the end of the process. */
  flush(): void
}

/**
 * Writes the line of this name in `logTable`: only its fields, whatever other members `values` has. In a flood of lines of
 * one `kind` (with the same message) a few are written, with the number of those that were left out.
 */
export type WriteLine = <Name extends LogName>(name: Name, ...given: Given<LogValues<Name>>) => void
type Given<Values> =
  Record<never, never> extends Values ? [values?: Values, kind?: string] : [values: Values, kind?: string]

type Values = Readonly<Record<string, unknown>>

/** The lines of `logTable`, as JSON. At level debug and below, every line is written. */
export function createLog({ logLevel, logClientNetwork = true, destination }: LogOptions, events: LogEvents): Log {
  const writer = destination
    ? createGivenLogWriter(destination, events.dropped)
    : createLogWriter(process.stdout, {
        dropped: events.dropped,
        recovered: (lines) => write('linesDropped', { lines }),
      })
  const logger: Logger = pino({ level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, writer)
  const { sample, flush } = createSampler(undefined, events.leftOut)
  const isSampling = !logger.isLevelEnabled('debug')
  const rows = new Map<string, LogRow & { readonly names: readonly string[] }>()
  for (const [name, row] of Object.entries(logTable)) rows.set(name, { ...row, names: namesIn(row) })
  const write: WriteLine = (name, ...[values, kind]) => writeLine(name, values ?? {}, kind)

  return { write, isEnabled: (level) => logger.isLevelEnabled(level), flush }

  function writeLine(name: LogName, values: Values, kind = ''): void {
    const row = rows.get(name)
    if (row === undefined) return
    const { level, isAlwaysWritten } = row
    if (level === 'error' && values.setting !== undefined) events.misconfigured(values.setting as BlamedSetting)
    if (!logger.isLevelEnabled(level)) return
    const message = messageOf(row, values)
    const line = lineOf(row.names, values)
    if (!isSampling || isAlwaysWritten) logger[level](line, message)
    else sample(`${message} ${kind}`, (leftOut) => logger[level](leftOut === 0 ? line : { ...line, leftOut }, message))
  }

  function namesIn({ fields }: LogRow): string[] {
    const all = Object.entries(fields).filter(([, { isPersonal }]) => logClientNetwork || !isPersonal)
    return all.map(([name]) => name)
  }

  function messageOf({ message, messageWithoutNetwork }: LogRow, values: Values): string {
    const chosen = logClientNetwork ? message : (messageWithoutNetwork ?? message)
    return chosen.includes('{') ? chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name])) : chosen
  }
}

function lineOf(names: readonly string[], values: Values): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  for (const name of names) if (values[name] !== undefined) line[name] = values[name]
  return line
}
