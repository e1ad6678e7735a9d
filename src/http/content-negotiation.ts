/**
 * The media type of the answer (RFC 9110 section 12.5.1): the offered type with the highest weight in `accept`. A wildcard
 * means the first offered type; the others must be named. `undefined`: the client accepts none of the offered types.
 */
export function negotiateMediaType<Type extends string>(
  accept: string,
  offered: readonly [Type, ...Type[]],
): Type | undefined {
  const [preferred] = offered
  for (const range of rangesByWeight(accept)) {
    const named = offered.find((type) => type === range)
    if (named !== undefined) return named
    if (range === '*/*' || range === `${preferred.split('/')[0]}/*`) return preferred
  }
  return undefined
}

function rangesByWeight(accept: string): readonly (string | undefined)[] {
  return accept
    .toLowerCase()
    .replace(/\s/g, '')
    .split(',')
    .filter(isUsable)
    .sort((one, other) => weightOf(other) - weightOf(one))
    .map((range) => range.split(';')[0])
}

/** All answers are in UTF-8. A weight of zero means "not acceptable". */
function isUsable(range: string): boolean {
  return !/;charset=(?!"?utf-8"?(;|$))/.test(range) && !/;q=0(\.0*)?(;|$)/.test(range)
}

function weightOf(range: string): number {
  return Number(/;q=(\d(\.\d+)?)(;|$)/.exec(range)?.[1] ?? 1)
}
