import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { print } from '../harness/print.ts'
import { connectTo } from '../harness/raw-http.ts'
import { startRunningGateway } from '../harness/running-gateway.ts'

test('the default KEEP_ALIVE_SECONDS: a connection is used again after 70 quiet seconds, closed after 75 (B6)', async () => {
  const gateway = await startRunningGateway()
  const sockets = [connectTo(gateway.url), connectTo(gateway.url)] as const
  const ask = (socket: (typeof sockets)[number]) => socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  const start = performance.now()
  for (const socket of sockets) ask(socket)
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  const closed = once(sockets[1], 'close')
  await sleep(70_000)
  ask(sockets[0])
  expect(String(await once(sockets[0], 'data'))).toMatch(/^HTTP\/1\.1 200 /)
  sockets[0].destroy()
  await closed
  const seconds = (performance.now() - start) / 1_000
  print(`KEEP_ALIVE_SECONDS=75: a quiet connection was closed after ${seconds.toFixed(1)} s`)
  expect(seconds).toBeGreaterThan(74.9)
  await gateway.close()
})
