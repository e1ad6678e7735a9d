import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { freePort } from './free-port.ts'
import { startProgram } from './programs.ts'

/** Tests that need Debian's `prometheus` (with `promtool`). Where it is missing they are skipped, and the output gives the reason. */
export function describeWithPrometheus(subject: string, tests: () => void): void {
  if (hasPrometheus()) return void describe(subject, tests)
  const reason = `prometheus is not installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, tests)
}

/** What `promtool` prints. Empty: it found nothing wrong. */
export function promtoolFinds(folder: string, ...argument: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', argument, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}

export type Prometheus = {
  /** The series that an expression has now, with their values. */
  query(expression: string): Promise<readonly Sample[]>
  /** The series over a time. All times are epoch seconds, `step` is in seconds. */
  range(expression: string, time: Times): Promise<readonly Series[]>
  close(): Promise<void>
}
export type Times = { readonly from: number; readonly to: number; readonly step: number }
export type Series = Pick<Sample, 'metric'> & { readonly values: readonly (readonly [at: number, value: number])[] }
export type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: number }

/** The targets (`host:port`) by how often they are read, such as `1s`. */
export type Targets = Readonly<Record<string, readonly string[]>>

/** Reads the targets in the job of the alerts, and evaluates the rules each second. */
export async function startPrometheus(rules: string, targets: Targets): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'))
  const address = `127.0.0.1:${await freePort()}`
  writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(configurationOf(rules, targets)))
  const own = [`--storage.tsdb.path=${folder}/data`, `--web.listen-address=${address}`, '--log.level=error']
  const program = startProgram('prometheus', [`--config.file=${folder}/prometheus.yaml`, ...own], {}, folder)
  await expect.poll(isReady, { timeout: 30_000, interval: 100 }).toBe(true)
  return { query, range, close }

  async function isReady(): Promise<boolean> {
    if (program.process.exitCode !== null) throw new Error(program.err())
    return fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  }

  async function query(expression: string): Promise<Sample[]> {
    const found = await ask('query', { query: expression })
    return found.map(({ metric, value }) => ({ metric, value: Number(value?.[1]) }))
  }

  async function range(expression: string, { from, to, step }: Times): Promise<Series[]> {
    const times = { start: String(from), end: String(to), step: String(step) }
    const found = await ask('query_range', { query: expression, ...times })
    return found.map(({ metric, values = [] }) => ({
      metric,
      values: values.map(([at, value]) => [at, Number(value)]),
    }))
  }

  async function ask(what: string, parameters: Record<string, string>): Promise<readonly Found[]> {
    const body = new URLSearchParams(parameters)
    const answer = await (await fetch(`http://${address}/api/v1/${what}`, { method: 'POST', body })).json()
    const { status, error, data } = Object(answer)
    if (status !== 'success') throw new Error(`${error}: ${parameters.query}`)
    return data.result
  }

  async function close(): Promise<void> {
    program.kill('SIGKILL')
    await program.ended
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As Prometheus sends it: values are texts. */
type Found = Pick<Sample, 'metric'> & {
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

/** JSON is YAML too. A job for each interval; the label is that of the alerts. */
function configurationOf(rules: string, targets: Targets): object {
  const labels = { job: 'line-graphql-gateway' }
  return {
    global: { evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: Object.entries(targets).map(([interval, some]) => ({
      job_name: interval,
      scrape_interval: interval,
      scrape_timeout: interval,
      static_configs: [{ targets: some, labels }],
    })),
  }
}

function hasPrometheus(): boolean {
  try {
    for (const program of ['prometheus', 'promtool']) execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
