/** Makes the function that finds secrets in a text, also encoded for URLs, in JSON and in the middle of base64. */
export function createSecretSearch(secrets: ReadonlySet<string>): (text: string) => readonly string[] {
  return (text) => [...secrets].filter((one) => spellings(one).some((spelling) => text.includes(spelling)))
}

function spellings(secret: string): readonly string[] {
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64').slice(4, -8),
  ]
}
