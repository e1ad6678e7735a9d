import type { Away, CommandOptions, Redis } from '../redis.ts'
import type { EntrySuffix } from '../telemetry/metric-labels.ts'
import type { SharedNameSet } from './shared-names.ts'

export type Wanted = { readonly names: Pick<SharedNameSet, 'read' | 'write'>; readonly suffix: EntrySuffix }

/** `value`: what could be opened, under any of the secrets. `raw`: what is stored under the name that we write to. */
export type Found = { readonly value: Buffer | undefined; readonly raw: Buffer | undefined }

/** Reads entries under each of their names, all at one moment, and opens them. */
export async function readShared(
  redis: Pick<Redis, 'read'>,
  wanted: readonly Wanted[],
  options?: CommandOptions,
): Promise<readonly Found[] | Away> {
  const keys = wanted.flatMap(({ names, suffix }) => names.read.map((name) => name.keyOf(suffix)))
  const values = await redis.read(keys, options)
  if (values === 'away') return values
  let first = 0
  return wanted.map(({ names, suffix }) => {
    const sealed = values.slice(first, first + names.read.length)
    first += names.read.length
    return { value: firstOpened(names, suffix, sealed), raw: sealed[0] }
  })
}

function firstOpened({ read }: Wanted['names'], suffix: EntrySuffix, sealed: readonly (Buffer | undefined)[]) {
  for (const [n, name] of read.entries()) {
    const bytes = sealed[n]
    const value = bytes === undefined ? undefined : name.open(suffix, bytes)
    if (value !== undefined) return value
  }
  return undefined
}
