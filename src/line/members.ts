/** A non-empty string, or `undefined`: LINE leaves unset values out, older answers had empty strings. */
export function text(body: unknown, name: string): string | undefined {
  const value = member(body, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A boolean, or one spelled as a string, as LINE's Android SDK takes it. */
export function flag(body: unknown, name: string): boolean | undefined {
  const value = member(body, name)
  if (value === true || value === 'true') return true
  return value === false || value === 'false' ? false : undefined
}

export function member(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined
  return (body as Record<string, unknown>)[name]
}
