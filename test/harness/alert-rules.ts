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

/** Reads `alerts.yaml`, as it is written: one form for each rule. Throws if a rule has another one, with what it needs. */
export function readRules(text = readFileSync(join(monitoring, 'alerts.yaml'), 'utf8')) {
  const rules = text.split(/^ {6}- (?=alert:|record:)/m).slice(1)
  const alerts = rules.filter((rule) => rule.startsWith('alert:')).map(toAlert)
  const recordings = rules.filter((rule) => rule.startsWith('record:')).map(toRecording)
  return { alerts, recordings }
}

function toAlert(rule: string): Alert {
  return {
    name: found(rule, '- alert: Name', /^alert: (\w+)$/m),
    expression: expressionOf(rule),
    severity: found(rule, 'labels: { severity: page }', /^ {8}labels: { severity: (\w+) }$/m),
    summary: found(rule, 'summary: …', /^ {10}summary: (.+)$/m),
    runbook: found(rule, 'runbook: runbooks.md#anchor', /^ {10}runbook: (\S+)$/m),
  }
}

function toRecording(rule: string): Recording {
  return { name: found(rule, '- record: name', /^record: (\S+)$/m), expression: expressionOf(rule) }
}

function expressionOf(rule: string): string {
  return found(rule, 'expr: | and the expression below it', /^ {8}expr: \|\n((?: {10}.+\n)+)/m).trim()
}

function found(rule: string, wanted: string, pattern: RegExp): string {
  const [, text] = pattern.exec(rule) ?? []
  if (text === undefined) throw new Error(`alerts.yaml: write "${wanted}", indented as in the other rules, in ${rule}`)
  return text
}
