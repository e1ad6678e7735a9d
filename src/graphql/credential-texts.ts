/**
 * Whether a credential can be part of the text of an operation: in a string, in a comment, or as a long word with a digit.
 * Such a text is not kept in memory. A client that uses variables has no such text, unless it gives its operations
 * such names.
 */
export function mayHoldCredential(text: string): boolean {
  if (text.includes('"') || text.includes('#')) return true
  return (text.match(/\w{20,}/g) ?? []).some((word) => /\d/.test(word))
}
