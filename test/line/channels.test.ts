import { describe, expect, it } from 'vitest'
import { createChannels } from '../../src/line/channels.ts'

const web = { id: '1000000001', secret: 'a'.repeat(32), type: 'web' } as const
const liff = { id: '1000000002', secret: undefined, type: 'liff' } as const

describe('channels', () => {
  it('are ours by their whole id and nothing like it', () => {
    const { isOurs } = createChannels([web, liff])
    expect([web.id, liff.id].map(isOurs)).toEqual([true, true])
    const strangers = ['', '100000000', '10000000011', ' 1000000001', '1000000001 ', '01000000001', '1e9', '__proto__']
    expect(strangers.filter(isOurs)).toEqual([])
  })

  it('are found whole', () => {
    const channels = createChannels([web, liff])
    expect(channels.find(web.id)).toEqual(web)
    expect(channels.find(liff.id)).toEqual(liff)
    expect(channels.find('constructor')).toBeUndefined()
  })

  it('need no name where there is one, and need one where there are several or none', () => {
    expect(createChannels([web]).only).toEqual(web)
    expect(createChannels([web, liff]).only).toBeUndefined()
    expect(createChannels([]).only).toBeUndefined()
  })
})
