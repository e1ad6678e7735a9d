import { connect, type Socket } from 'node:net'

/** What came back on a connection, and whether the server closed it. */
export type Heard = { readonly text: string; readonly closed: boolean }

/** Writes bytes to a server as they are and listens until it closes the connection, or `forMs` have passed. */
export function sayRaw(url: string, bytes: string, forMs = 3_000): Promise<Heard> {
  const socket = dial(url)
  socket.write(Buffer.from(bytes, 'latin1'))
  return hear(socket, forMs)
}

export function dial(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.setNoDelay(true)
  socket.on('error', () => {})
  return socket
}

export function hear(socket: Socket, forMs: number): Promise<Heard> {
  return new Promise((resolve) => {
    let text = ''
    const enough = setTimeout(() => end(false), forMs)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => end(true))

    function end(closed: boolean): void {
      clearTimeout(enough)
      socket.destroy()
      resolve({ text, closed })
    }
  })
}

/** The statuses of all answers in what was heard. */
export function statusesIn({ text }: Heard): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
