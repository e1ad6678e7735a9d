import { ExpectedError } from '../telemetry/expected-error.ts'

/** The members of an answer of LINE. The `required…` functions throw `WrongMember` if the value is not what LINE documents. */

/** The message names the member and what it must be, in the words of oauth4webapi. It never quotes the value. */
export class WrongMember extends ExpectedError {
  constructor(body: unknown, name: string, rule: string) {
    super(isObject(body) ? `"response" body "${name}" property must be ${rule}` : '"response" body must be an object')
    this.name = 'WrongMember'
  }
}

export function requiredString(body: unknown, name: string): string {
  const value = member(body, name)
  if (typeof value !== 'string') throw new WrongMember(body, name, 'a string')
  return value
}

export function requiredText(body: unknown, name: string): string {
  const value = text(body, name)
  if (value === undefined) throw new WrongMember(body, name, 'a non-empty string')
  return value
}

export function requiredFlag(body: unknown, name: string): boolean {
  const value = flag(body, name)
  if (value === undefined) throw new WrongMember(body, name, 'a boolean')
  return value
}

/** A non-empty string, else `undefined`. LINE leaves out values that are not set; older answers had empty strings. */
export function text(body: unknown, name: string): string | undefined {
  const value = member(body, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A boolean, also as the string `true` or `false`: LINE's Android SDK accepts both. Else `undefined`. */
function flag(body: unknown, name: string): boolean | undefined {
  const value = member(body, name)
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : undefined
}

export function member(body: unknown, name: string): unknown {
  if (!isObject(body) || !Object.hasOwn(body, name)) return undefined
  return (body as Record<string, unknown>)[name]
}

export function isObject(body: unknown): body is object {
  return typeof body === 'object' && body !== null
}
