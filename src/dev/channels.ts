import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { createSettingReader } from '../config/setting-reader.ts'
import { type Channel, demoChannels } from '../emulator/emulator.ts'

export type DevChannels = {
  readonly channels: readonly Channel[]
  /** They name settings and quote no value. */
  readonly warnings: readonly string[]
}

/**
 * The channels of the emulator: those of the developer's own settings, then the demo channels. Only IDs and types are
 * taken over. The secrets are new, so none of production is in this process's pages or answers.
 */
export function createDevChannels(
  env: NodeJS.ProcessEnv,
  readFile = (path: string) => readFileSync(path, 'utf8'),
): DevChannels {
  const { given } = createSettingReader(env, readFile)
  const [several, id] = [given('LINE_CHANNELS'), given('LINE_CHANNEL_ID')]
  const warnings: string[] = []
  const own =
    take(several, 'LINE_CHANNELS', list) ??
    take(
      id && { id, type: given('LINE_CHANNEL_TYPE') },
      'LINE_CHANNEL_ID',
      channel.transform((one) => [one]),
    ) ??
    []
  const channels = new Map(demoChannels.map((demo) => [demo.id, demo]))
  for (const { id } of own) channels.delete(id)
  return { channels: [...unique(own), ...channels.values()], warnings }

  /** Undefined if the setting is not set, or if it cannot be read. */
  function take<T>(value: unknown, setting: string, rule: z.ZodType<T>): T | undefined {
    if (value === undefined) return undefined
    const { data } = rule.safeParse(value)
    if (data === undefined) warnings.push(`${setting}: ${unusable}`)
    return data
  }
}

/** The channel where a caller names none, as the gateway chooses it in development. */
export function defaultChannel(channels: readonly Channel[]): Channel | undefined {
  return channels.find(({ type }) => type === 'web') ?? channels[0]
}

const unusable =
  'cannot be read and is ignored: npm run dev takes over the ids and types of your channels, not their secrets'

/** More is allowed than in production: a secret may be missing, because none is read. */
const channel = z
  .object({
    id: z.string().regex(/^\d{1,20}$/),
    type: z.enum(['web', 'native', 'liff']).default('web'),
  })
  .transform(({ id, type }): Channel => ({ id, type, secret: randomBytes(16).toString('hex'), name: 'Your channel' }))
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
