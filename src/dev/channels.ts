import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { createSettingReader, unreadable } from '../config/setting-reader.ts'
import { listWins } from '../config/setting-rules.ts'
import { type Channel, demoChannels } from '../emulator/emulator.ts'

export type DevChannels = {
  readonly channels: readonly Channel[]
  /** They name settings and quote no value. */
  readonly warnings: readonly string[]
}

/**
 * The channels of the emulator: those of the developer's own settings, then the demo channels, and of both the web channels
 * first. The emulator and the gateway take the first one where a caller names none. Only IDs and types are taken over. The
 * secrets are new, so none of production is in this process's pages or answers.
 */
export function createDevChannels(
  env: NodeJS.ProcessEnv,
  readFile = (path: string) => readFileSync(path, 'utf8'),
): DevChannels {
  const { given, problems } = createSettingReader(env, readFile)
  const [several, id, type] = ['LINE_CHANNELS', 'LINE_CHANNEL_ID', 'LINE_CHANNEL_TYPE'].map(given)
  const warnings: string[] = problems.map((problem) => `${problem}; the command dev ignores it`)
  const listed = take(several, 'LINE_CHANNELS', list)
  if (listed !== undefined && (id ?? type) !== undefined) warnings.push(listWins)
  const single = channel.transform((one) => [one])
  const own = listed ?? take(typeof id === 'string' ? { id, type } : id, 'LINE_CHANNEL_ID', single) ?? []
  const channels = new Map(demoChannels.map((demo) => [demo.id, demo]))
  for (const { id } of own) channels.delete(id)
  return { channels: webFirst([...unique(own), ...channels.values()]), warnings }

  /** Undefined if the setting is not set, or if it cannot be read. */
  function take<T>(value: unknown, setting: string, rule: z.ZodType<T>): T | undefined {
    if (value === undefined || value === unreadable) return undefined
    const { data } = rule.safeParse(value)
    if (data === undefined) warnings.push(`${setting}: ${unusable}`)
    return data
  }
}

const unusable =
  'cannot be read and is ignored: the command dev takes over the ids and types of your channels, not their secrets'

/** More is allowed than in production: a secret may be missing, because none is read. */
const channel = z
  .object({
    id: z.string().regex(/^\d{1,20}$/),
    type: z.enum(['web', 'native', 'liff']).default('web'),
  })
  .transform(({ id, type }): Channel => ({ id, type, secret: randomBytes(16).toString('hex'), name: 'Your app' }))
const list = z.string().transform(parseJson).pipe(z.array(channel))

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unique(channels: readonly Channel[]): Channel[] {
  return [...new Map(channels.map((one) => [one.id, one])).values()]
}

function webFirst(channels: readonly Channel[]): Channel[] {
  return channels.toSorted((one, other) => Number(other.type === 'web') - Number(one.type === 'web'))
}
