import { connect, type Socket } from 'node:net'

/** The bytes received on a connection, and whether the server closed it. */
export type Received = { readonly text: string; readonly closed: boolean }

/** Sends these bytes to a server and receives until the server closes the connection, or for `forMs` at most. */
export function sendRaw(url: string, bytes: string, forMs?: number): Promise<Received> {
  const socket = connectTo(url)
  socket.write(Buffer.from(bytes, 'latin1'))
  return receive(socket, forMs)
}

export function connectTo(url: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.setNoDelay(true)
  socket.on('error', () => {})
  return socket
}

/** Receives until the server closes the connection, or for `forMs` at most. */
export function receive(socket: Socket, forMs = 45_000): Promise<Received> {
  return new Promise((resolve) => {
    let text = ''
    const timer = setTimeout(() => end(false), forMs)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => end(true))

    function end(closed: boolean): void {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, closed })
    }
  })
}

/** The statuses of all answers in the received bytes. */
export function statusesIn({ text }: Received): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
