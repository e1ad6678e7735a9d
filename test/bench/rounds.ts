/** The results of many short slices. The servers take turns, so a short disturbance affects all of them. */
export type Series<Name extends string, Result> = Readonly<Record<Name, readonly Result[]>>

/** Each round has one slice of each name: A B C, then C B A, and so on. */
export async function inRounds<Name extends string, Result>(
  rounds: number,
  names: readonly Name[],
  slice: (name: Name) => Promise<Result>,
): Promise<Series<Name, Result>> {
  const series = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as unknown as Record<Name, Result[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) series[name].push(await slice(name))
  }
  return series
}

/** The median, least and greatest value of the rounds. */
export type Spread = { readonly median: number; readonly least: number; readonly most: number; readonly rounds: number }

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
  return {
    median,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
    rounds: values.length,
  }
}

/** The ratio of two series, computed for each round. */
export function ratioOf<Result>(
  above: readonly Result[],
  below: readonly Result[],
  read: (result: Result) => number,
): Spread {
  return spreadOf(ratios(above.map(read), below.map(read)))
}

export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] ?? Number.NaN))
}
