import { beforeEach, describe, expect, it } from 'vitest'
import { Misconfigured } from '../../src/line/errors.ts'
import type { LineAnswer } from '../../src/line/transport.ts'
import { type ChannelTokens, createChannelTokens } from '../../src/login/channel-tokens.ts'
import { native, times, web } from '../harness/token-layer.ts'

let time = 0
let asked = 0
let answer: () => Promise<LineAnswer>
let channelTokens: ChannelTokens
let misconfigured: string[]

beforeEach(() => {
  time = 0
  asked = 0
  misconfigured = []
  answer = async () => granted(`token-${asked}`)
  channelTokens = createChannelTokens(
    { channelToken },
    { now: () => time, misconfigured: (id) => misconfigured.push(id) },
  )
})

function channelToken(): Promise<LineAnswer> {
  asked += 1
  return answer()
}

describe('a channel token', () => {
  it('is kept until 30 s before it expires', async () => {
    expect(await channelTokens.tokenOf(web)).toBe('token-1')
    time = 869_999
    expect(await channelTokens.tokenOf(web)).toBe('token-1')
    time = 870_000
    expect(await channelTokens.tokenOf(web)).toBe('token-2')
  })

  it('its lifetime counts from the request', async () => {
    const slow = Promise.withResolvers<LineAnswer>()
    answer = () => slow.promise
    const first = channelTokens.tokenOf(web)
    time = 800_000
    slow.resolve(granted('slow'))
    expect(await first).toBe('slow')
    time = 870_000
    answer = async () => granted('next')
    expect(await channelTokens.tokenOf(web)).toBe('next')
  })

  it('10 callers at once: one fetch for each channel', async () => {
    const tokens = await Promise.all(times(10, (n) => channelTokens.tokenOf(n % 2 ? web : native)))
    expect(asked).toBe(2)
    expect(new Set(tokens).size).toBe(2)
  })

  it('a failed fetch: rejects the callers that waited; the next caller fetches again', async () => {
    answer = async () => ({ status: 500, body: undefined, lineRequestId: undefined })
    const all = await Promise.allSettled(times(5, () => channelTokens.tokenOf(web)))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(asked).toBe(1)
    answer = async () => granted('good')
    expect(await channelTokens.tokenOf(web)).toBe('good')
  })

  it.each([
    ['no token', { expires_in: 900 }],
    ['no lifetime', { access_token: 'x' }],
    ['a lifetime of 0', { access_token: 'x', expires_in: 0 }],
    ['no JSON', undefined],
  ])('an answer with %s: LINE_UNAVAILABLE', async (_, body) => {
    answer = async () => ({ status: 200, body, lineRequestId: undefined })
    await expect(channelTokens.tokenOf(web)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
  })

  it('dropped: fetched again', async () => {
    await channelTokens.tokenOf(web)
    channelTokens.drop(web)
    expect(await channelTokens.tokenOf(web)).toBe('token-2')
  })

  it('of a channel without its secret: MISCONFIGURED and reported, without a call (D3)', async () => {
    const secretless = { ...native, secret: undefined }
    await expect(channelTokens.tokenOf(secretless)).rejects.toMatchObject({ code: 'MISCONFIGURED' })
    expect(() => channelTokens.assertSecret(secretless)).toThrow(Misconfigured)
    channelTokens.assertSecret(web)
    expect(misconfigured).toEqual([native.id, native.id])
    expect(asked).toBe(0)
  })
})

function granted(channelToken: string): LineAnswer {
  const body = { access_token: channelToken, expires_in: 900, token_type: 'Bearer' }
  return { status: 200, body, lineRequestId: undefined }
}
