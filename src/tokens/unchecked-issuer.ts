/**
 * The `iss` in the payload of a JWT that was not checked, to tell the kinds of credentials apart. `undefined` for any other
 * text. It never throws. LINE's access tokens look like JWTs too, but their payload is binary: most are told by one byte.
 *
 * It reads more spellings than a verifier accepts: both alphabets of base64, missing parts, further parts. So a token of ours
 * that somebody has changed is still recognized. Of a repeated `iss` the last one counts, as in the verification.
 */
export function uncheckedIssuerOf(text: string): unknown {
  const start = text.indexOf('.') + 1
  if (start === 0) return undefined
  const end = text.indexOf('.', start)
  const payload = Buffer.from(text.slice(start, end === -1 ? undefined : end), 'base64url').toString()
  return mayBeObject(payload) ? issIn(payload) : undefined
}

/** It starts with `{`, maybe after spaces or a byte order mark. An error of JSON.parse costs much more than this look. */
function mayBeObject(json: string): boolean {
  return /^[\s\uFEFF]*\{/.test(json)
}

function issIn(json: string): unknown {
  try {
    return JSON.parse(json.trim())?.iss
  } catch {
    return undefined
  }
}
