import { describe, expect, it } from 'vitest'
import { createDevChannels } from '../../src/dev/channels.ts'
import { demoChannels } from '../../src/emulator/emulator.ts'

const demo = demoChannels.map(({ id, type }) => [id, type])
const idsAndTypes = (env: NodeJS.ProcessEnv, readFile?: (path: string) => string) =>
  createDevChannels(env, readFile).channels.map(({ id, type }) => [id, type])
const mine = JSON.stringify([
  { id: '1650000001', type: 'liff' },
  { id: '1650000002', secret: 'of-production' },
])

describe('the channels of npm run dev', () => {
  it('without settings: the demo channels', () => {
    expect(createDevChannels({})).toEqual({ channels: demoChannels, warnings: [] })
  })

  it('LINE_CHANNELS: the web channels come first, and of each kind its own before the demo channels', () => {
    const all = [['1650000002', 'web'], ...demo.slice(0, 1), ['1650000001', 'liff'], ...demo.slice(1)]
    expect(idsAndTypes({ LINE_CHANNELS: mine })).toEqual(all)
    expect(idsAndTypes({ LINE_CHANNELS_FILE: '/run/mine' }, () => mine)).toEqual(all)
    expect(idsAndTypes({ LINE_CHANNELS: mine, LINE_CHANNEL_ID: '7' })).toEqual(all)
  })

  it.each(['native', 'liff'])('LINE_CHANNEL_ID of type %s: after the web channel, before the others', (type) => {
    const all = [...demo.slice(0, 1), ['7', type], ...demo.slice(1)]
    expect(idsAndTypes({ LINE_CHANNEL_ID: '7', LINE_CHANNEL_TYPE: type })).toEqual(all)
  })

  it('LINE_CHANNEL_ID without a type, or with a secret: a web channel, which comes first', () => {
    expect(idsAndTypes({ LINE_CHANNEL_ID: '7' })).toEqual([['7', 'web'], ...demo])
    expect(idsAndTypes({ LINE_CHANNEL_ID: '7', LINE_CHANNEL_SECRET: 'of-production' })).toEqual([['7', 'web'], ...demo])
  })

  it('an id twice, or the id of a demo channel: once, as it is first named', () => {
    const LINE_CHANNELS = JSON.stringify([{ id: '2000000001', type: 'liff' }, { id: '5' }, { id: '5' }])
    expect(idsAndTypes({ LINE_CHANNELS })).toEqual([['5', 'web'], ['2000000001', 'liff'], ...demo.slice(1)])
  })

  it('secrets: always the emulator’s own', () => {
    const { channels } = createDevChannels({ LINE_CHANNELS: mine })
    expect(JSON.stringify(channels)).not.toContain('of-production')
    for (const { secret } of channels) expect(secret).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(channels.map(({ secret }) => secret)).size).toBe(channels.length)
  })

  it.each([
    ['LINE_CHANNELS', '{broken-value'],
    ['LINE_CHANNELS', '"broken-value"'],
    ['LINE_CHANNELS', '[{"id":"broken-value"}]'],
    ['LINE_CHANNELS', '[{"id":1650000001}]'],
    ['LINE_CHANNELS', '[{"id":"1","type":"broken-value"}]'],
    ['LINE_CHANNEL_ID', 'broken-value'],
  ])('%s=%s: one warning that names the setting and no value; the demo channels', (name, value) => {
    const { channels, warnings } = createDevChannels({ [name]: value })
    expect(channels).toEqual(demoChannels)
    expect(warnings).toEqual([expect.stringMatching(`^${name}: `)])
    expect(warnings.join()).not.toContain('broken-value')
  })

  it.each(['LINE_CHANNELS_FILE', 'LINE_CHANNEL_ID_FILE'])('%s cannot be read: one warning that names it', (name) => {
    const { channels, warnings } = createDevChannels({ [name]: '/nowhere/secret-name' })
    expect(channels).toEqual(demoChannels)
    expect(warnings).toEqual([expect.stringMatching(`^${name}: can't be read(?!.*secret-name)`)])
  })

  it('LINE_CHANNELS with LINE_CHANNEL_ID: the warning that production gives', () => {
    const { warnings } = createDevChannels({ LINE_CHANNELS: mine, LINE_CHANNEL_ID: '7' })
    expect(warnings).toEqual([expect.stringMatching(/^LINE_CHANNELS: is used, so LINE_CHANNEL_ID/)])
  })

  it('LINE_CHANNELS cannot be read, LINE_CHANNEL_ID can: that channel is used', () => {
    expect(idsAndTypes({ LINE_CHANNELS: '[', LINE_CHANNEL_ID: '7' })).toEqual([['7', 'web'], ...demo])
  })
})
