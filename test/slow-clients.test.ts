import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectTo, receive } from './harness/raw-http.ts'
import { type RunningGateway, startRunningGateway } from './harness/running-gateway.ts'

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway()
})
afterAll(() => gateway.close())

const headers = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'

/** Sends a little more every second and never ends its request. */
function drip(start: string, more: string): Socket {
  const socket = connectTo(gateway.url)
  socket.write(start)
  const dripping = setInterval(() => socket.write(more), 1_000)
  socket.on('close', () => clearInterval(dripping))
  return socket
}

it('200 clients that never end their request: all are disconnected, and other clients are answered', async () => {
  const slow = [
    ...Array.from({ length: 70 }, () => drip('POST /graphql HTTP/1.1\r\n', 'x-more: y\r\n')),
    ...Array.from({ length: 70 }, () => drip(`${headers}content-length: 1000\r\n\r\n`, ' ')),
    ...Array.from({ length: 60 }, () => drip(`${headers}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n')),
  ]
  const received = slow.map((socket) => receive(socket, 110_000))
  expect(await gateway.ask('{ __typename }')).toMatchObject({ status: 200 })
  expect((await Promise.all(received)).filter(({ closed }) => !closed)).toEqual([])
  expect(await gateway.ask('{ __typename }')).toMatchObject({ status: 200 })
  expect(gateway.log()).not.toContain('unexpected error')
}, 120_000)
