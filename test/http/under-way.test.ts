import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createUnderWay } from '../../src/http/under-way.ts'

describe('the requests under way', () => {
  it('has what was added and has not left', () => {
    const underWay = createUnderWay()
    const [first, second, third] = [someResponse(), someResponse(), someResponse()]
    for (const response of [first, second, third]) underWay.add(response)
    expect(underWay.delete(first)).toBe(true)
    expect([...underWay]).toEqual([third, second])
    expect([first, second, third].map(underWay.has)).toEqual([false, true, true])
    expect(underWay.size()).toBe(2)
  })

  it('lets each one leave once', () => {
    const underWay = createUnderWay()
    const [here, strange] = [someResponse(), someResponse()]
    underWay.add(here)
    expect([here, here, strange].map(underWay.delete)).toEqual([true, false, false])
    expect(underWay.size()).toBe(0)
  })

  it('goes through all of them while each one leaves', () => {
    const underWay = createUnderWay()
    const all = Array.from({ length: 5 }, someResponse)
    for (const response of all) underWay.add(response)
    const seen = []
    for (const response of underWay) {
      seen.push(response)
      underWay.delete(response)
    }
    expect(seen).toEqual(all)
    expect([...underWay]).toEqual([])
  })
})

function someResponse(): ServerResponse {
  return new ServerResponse(new IncomingMessage(new Socket()))
}
