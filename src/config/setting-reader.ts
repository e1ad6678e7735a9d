import type { z } from 'zod'

export type SettingReader = ReturnType<typeof createSettingReader>

/** A value that is given but not to be had: reported where that showed, so no rule complains about it again. */
export const unreadable = Symbol('unreadable')

export function createSettingReader(env: NodeJS.ProcessEnv, readFile: (path: string) => string) {
  const problems: string[] = []
  const warnings: string[] = []

  function given(name: string): string | typeof unreadable | undefined {
    const value = env[name]?.trim() || undefined
    const path = env[`${name}_FILE`]?.trim()
    if (!path) return value
    try {
      if (value === undefined) return readFile(path).trim() || undefined
      problems.push(`${name}: is set twice: expected either ${name} or ${name}_FILE`)
    } catch {
      problems.push(`${name}_FILE: can't be read: expected the path of a readable text file`)
    }
    return unreadable
  }

  /** Returns undefined, whatever the type says, when it adds a problem; no Config is handed out then. */
  function judge<T extends z.ZodType>(value: unknown, rule: T, nameOf: (place: string) => string): z.output<T> {
    const { data, error } = rule.safeParse(value, { reportInput: true })
    for (const { path, message, input } of error?.issues ?? []) {
      const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
      if (input !== unreadable) problems.push(`${nameOf(place)}: ${message}`)
    }
    return data as z.output<T>
  }

  const read = <T extends z.ZodType>(name: string, rule: T) => judge(given(name), rule, (place) => name + place)

  return { problems, warnings, given, judge, read }
}
