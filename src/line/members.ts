/** A non-empty string, else `undefined`. LINE leaves out values that are not set; older answers had empty strings. */
export function text(body: unknown, name: string): string | undefined {
  const value = member(body, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A boolean, also as the string `true` or `false`: LINE's Android SDK accepts both. Else `undefined`. */
export function flag(body: unknown, name: string): boolean | undefined {
  const value = member(body, name)
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : undefined
}

export function member(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined
  return (body as Record<string, unknown>)[name]
}
