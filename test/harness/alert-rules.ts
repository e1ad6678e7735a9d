import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './programs.ts'

export const monitoring = join(project, 'test/deploy/monitoring')

export type Alert = {
  readonly name: string
  readonly expression: string
  readonly severity: string
  readonly summary: string
  /** `runbooks.md#anchor`. */
  readonly runbook: string
}
/** A rule that only stores the result of an expression as a series. */
export type Recording = { readonly name: string; readonly expression: string }

/** Reads `alerts.yaml`, as it is written: one form for each rule. Throws if a rule has another one. */
export function readRules(text = readFileSync(join(monitoring, 'alerts.yaml'), 'utf8')) {
  const rules = text.split(/^ {6}- (?=alert:|record:)/m).slice(1)
  const alerts = rules.filter((rule) => rule.startsWith('alert:')).map(toAlert)
  const recordings = rules.filter((rule) => rule.startsWith('record:')).map(toRecording)
  return { alerts, recordings }
}

function toAlert(rule: string): Alert {
  return {
    name: found(rule, /^alert: (\w+)$/m),
    expression: expressionOf(rule),
    severity: found(rule, /^ {8}labels: { severity: (\w+) }$/m),
    summary: found(rule, /^ {10}summary: (.+)$/m),
    runbook: found(rule, /^ {10}runbook: (\S+)$/m),
  }
}

function toRecording(rule: string): Recording {
  return { name: found(rule, /^record: (\S+)$/m), expression: expressionOf(rule) }
}

function expressionOf(rule: string): string {
  return found(rule, /^ {8}expr: \|\n((?: {10}.+\n)+)/m).trim()
}

function found(rule: string, pattern: RegExp): string {
  const [, text] = pattern.exec(rule) ?? []
  if (text === undefined) throw new Error(`${pattern} is not in the rule: ${rule}`)
  return text
}
