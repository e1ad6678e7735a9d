import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'

export type SettingReader = ReturnType<typeof createSettingReader>

/** A value that is set but cannot be read. That problem is reported already, so no rule reports the setting again. */
export const unreadable = Symbol('unreadable')

/** Reads settings from the environment, or from the file that `NAME_FILE` names. Collects the problems and warnings. */
export function createSettingReader(env: NodeJS.ProcessEnv, readFile: (path: string) => string) {
  const problems: string[] = []
  const warnings: string[] = []
  const values = new Map<string, ReturnType<typeof find>>()
  const atDefault = new Set<string>()

  /** As `find`. Several rules can ask for one setting, and its problem is reported once. */
  function given(name: string): ReturnType<typeof find> {
    if (!values.has(name)) values.set(name, find(name))
    return values.get(name)
  }

  /**
   * The value of a setting without white space at its ends. `undefined`: not set, or empty. Adds a problem
   * and returns `unreadable` if there is no single readable value.
   */
  function find(name: string): string | typeof unreadable | undefined {
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

  /** The value of a setting that is a path itself: it has no `NAME_FILE` form. */
  function givenPath(name: string): string | undefined {
    const path = env[name]?.trim() || undefined
    values.set(name, path)
    return path
  }

  /** Returns undefined in spite of its type when it adds a problem. `readConfig` throws then, so no Config has that value. */
  function check<T extends z.ZodType>(value: unknown, rule: T, nameOf: (place: string) => string): z.output<T> {
    const { data, error } = rule.safeParse(value, { reportInput: true })
    for (const { path, message, input } of error?.issues ?? []) {
      const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
      if (input !== unreadable) problems.push(`${nameOf(place)}: ${message}`)
    }
    return data as z.output<T>
  }

  /** The value of a setting whose rule has its default. */
  function read<T extends z.ZodType>(name: string, rule: T): z.output<T> {
    const value = check(given(name), rule, (place) => name + place)
    if (isDeepStrictEqual(value, rule.safeParse(undefined).data)) isAtDefault(name)
    return value
  }

  /** It is set, but to its default, or it is not used. */
  function isAtDefault(name: string): void {
    atDefault.add(name)
  }

  /** The names of the settings that were read so far and differ from their defaults. The proxies can have names in lower case. */
  function changed(): string[] {
    const set = [...values].filter(([name, value]) => value !== undefined && !atDefault.has(name))
    return [...new Set(set.map(([name]) => name.toUpperCase()))].sort()
  }

  return { problems, warnings, given, givenPath, check, read, isAtDefault, changed }
}
