import { describe, expect, it } from 'vitest'
import { createChannels } from '../../src/line/channels.ts'

const web = { id: '1000000001', secret: 'a'.repeat(32), type: 'web' } as const
const liff = { id: '1000000002', secret: undefined, type: 'liff' } as const

describe('channels', () => {
  it('isOurs: true only for the exact id', () => {
    const { isOurs } = createChannels([web, liff])
    expect([web.id, liff.id].map(isOurs)).toEqual([true, true])
    const others = ['', '100000000', '10000000011', ' 1000000001', '1000000001 ', '01000000001', '1e9', '__proto__']
    expect(others.filter(isOurs)).toEqual([])
  })

  it('find: the channel with all its members, else undefined', () => {
    const channels = createChannels([web, liff])
    expect(channels.find(web.id)).toEqual(web)
    expect(channels.find(liff.id)).toEqual(liff)
    expect(channels.find('constructor')).toBeUndefined()
  })

  it('only: the channel if exactly one is configured, else undefined', () => {
    expect(createChannels([web]).only).toEqual(web)
    expect(createChannels([web, liff]).only).toBeUndefined()
    expect(createChannels([]).only).toBeUndefined()
  })
  it('assumed: the only channel, else the one that is named, which is not the only one', () => {
    expect(createChannels([web]).assumed).toEqual(web)
    expect(createChannels([web, liff]).assumed).toBeUndefined()
    const { assumed, only } = createChannels([web, liff], liff.id)
    expect([assumed, only]).toEqual([liff, undefined])
  })
})
