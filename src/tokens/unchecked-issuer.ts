/**
 * Whether a text can be a JWT with an `iss`. One character tells it: the first one of the payload, in base64. LINE's access
 * tokens look like JWTs, but their payload is random bytes, so this is false for nine in ten of them.
 */
export function mayHaveIssuer(text: string): boolean {
  const first = text.indexOf('.') + 1
  return first > 0 && first < text.length && firstOfObject.includes(text.charAt(first))
}

/** In base64, `{` begins with e, a space with I, a tab and a line feed with C, CR with D, a byte order mark with 7. */
const firstOfObject = 'eICD7~' // The decoder passes over `~`.

/**
 * The `iss` in the payload of a JWT that was not checked, to tell the kinds of credentials apart. `undefined` for any other
 * text. It never throws.
 *
 * It reads more spellings than a verifier accepts: both alphabets of base64, missing parts, further parts. So a token of ours
 * that somebody has changed is still recognized. Of a repeated `iss` the last one counts, as in the verification.
 */
export function uncheckedIssuerOf(text: string): unknown {
  if (!mayHaveIssuer(text)) return undefined
  const start = text.indexOf('.') + 1
  const end = text.indexOf('.', start)
  const payload = Buffer.from(text.slice(start, end === -1 ? undefined : end), 'base64url').toString()
  return beginsObject.test(payload) ? issIn(payload) : undefined
}

/** An error of JSON.parse costs much more than this look. */
const beginsObject = /^\uFEFF?[ \t\r\n]*\{/

function issIn(json: string): unknown {
  try {
    return JSON.parse(json.trim())?.iss
  } catch {
    return undefined
  }
}
