/** The Authorization in the headers of a tab. GraphiQL keeps headers as a text, which people edit. */

const authorization = /("authorization"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,}]+)/gi

/** The text with another token. `isNeeded`: a text without an Authorization gets one, unless it cannot be read as JSON. */
export function withToken(text, token, isNeeded) {
  const value = `Bearer ${token}`
  const changed = text.replace(authorization, (_, name) => name + JSON.stringify(value))
  if (!isNeeded || text.search(authorization) >= 0) return changed
  try {
    return JSON.stringify({ ...JSON.parse(text.trim() || '{}'), Authorization: value }, null, 2)
  } catch {
    return text
  }
}

/** The token of a request, or `undefined`. `headers`: an object. */
export function tokenIn(headers) {
  const [, value] = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  return /^Bearer +(\S+)/i.exec(value)?.[1]
}
