import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dial, hear } from './harness/raw-http.ts'
import { type RunningGateway, startRunningGateway } from './harness/running-gateway.ts'

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway()
})
afterAll(() => gateway.close())

const headers = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'

/** Says a little every second, for ever. */
function drip(beginning: string, more: string): Socket {
  const socket = dial(gateway.url)
  socket.write(beginning)
  const dripping = setInterval(() => socket.write(more), 1_000)
  socket.on('close', () => clearInterval(dripping))
  return socket
}

it('two hundred who never come to an end are shown the door, and nobody else waits for them', async () => {
  const slow = [
    ...Array.from({ length: 70 }, () => drip('POST /graphql HTTP/1.1\r\n', 'x-more: y\r\n')),
    ...Array.from({ length: 70 }, () => drip(`${headers}content-length: 1000\r\n\r\n`, ' ')),
    ...Array.from({ length: 60 }, () => drip(`${headers}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n')),
  ]
  const heard = slow.map((socket) => hear(socket, 25_000))
  expect(await gateway.ask('{ __typename }')).toMatchObject({ status: 200 })
  expect((await Promise.all(heard)).filter(({ closed }) => !closed)).toEqual([])
  expect(await gateway.ask('{ __typename }')).toMatchObject({ status: 200 })
  expect(gateway.log()).not.toContain('unexpected error')
}, 40_000)
