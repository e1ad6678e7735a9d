/** So many characters of a secret are too many. */
const pieceLength = 12

/**
 * Makes the function that finds secrets in a text, whole or a piece of 15 characters or more. Also encoded for URLs, in JSON,
 * in hexadecimal digits and in the middle of base64.
 */
export function createSecretSearch(secrets: ReadonlySet<string>): (text: string) => readonly string[] {
  const known = new Map<string, readonly string[]>()

  return (text) => {
    const pieces = new Set(piecesOf(text, 1))
    return [...secrets].filter((one) => needlesOf(one).some((needle) => isIn(needle, text, pieces)))
  }

  function needlesOf(secret: string): readonly string[] {
    const needles = known.get(secret) ?? [...new Set(spellings(secret).flatMap((spelling) => piecesOf(spelling, 4)))]
    known.set(secret, needles)
    return needles
  }
}

function isIn(needle: string, text: string, pieces: ReadonlySet<string>): boolean {
  return needle.length < pieceLength ? text.includes(needle) : pieces.has(needle)
}

/** All pieces of a text, one for each `step` characters. A short text is a piece itself. */
function piecesOf(text: string, step: number): readonly string[] {
  const count = Math.max(1, Math.ceil((text.length - pieceLength + 1) / step))
  return Array.from({ length: count }, (_, n) => text.slice(n * step, n * step + pieceLength))
}

function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    // Where the secret begins is not known, so there are three alignments of base64.
    ...[0, 1, 2].map((before) =>
      Buffer.concat([Buffer.alloc(before), bytes])
        .toString('base64')
        .slice(4, -8),
    ),
    bytes.toString('hex'),
  ].filter((spelling) => spelling.length > 2)
}
