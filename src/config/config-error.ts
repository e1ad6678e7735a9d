/** Each problem reads "NAME: what is wrong, what is expected". It quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  /** `warnings` are for the reader of the message only: a misspelt name is often the reason of a missing setting. */
  constructor(problems: readonly string[], warnings: readonly string[] = []) {
    const lines = ['These settings are wrong or missing:', ...problems.map(indented)]
    if (warnings.length > 0) lines.push('Warnings:', ...warnings.map(indented))
    super(lines.join('\n'))
    this.problems = problems
  }
}

const indented = (line: string) => `  ${line}`
