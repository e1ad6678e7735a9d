import type { Server } from 'node:http'
import { type AddressInfo, connect, Server as NetServer, type Socket } from 'node:net'
import { nextTick } from 'node:process'

/** Where the connections of a server come from. */
export type Listener = {
  /** Gives the server its connections from now on. Resolves with the address. */
  open(server: Server): Promise<string>
  /** Resolves when no connection comes any more. */
  stop(server: Server): Promise<void>
}

/** Listens on an address of this machine. */
export function listenOn({ host, port }: { readonly host: string; readonly port: number }): Listener {
  return { open: (server) => listen(server, host, port), stop: stopAccepting }
}

/** `::` takes IPv4 too. Without a host, Node listens on `::`, or on `0.0.0.0` where IPv6 is off. */
export function listen(server: NetServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host !== '::' && { host }) }, () => {
      const address = server.address() as AddressInfo
      resolve(`http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`)
    })
  })
}

/** Closes the listener, when the connections that wait for it are accepted. Leaves all connections open. */
export async function stopAccepting(server: NetServer): Promise<void> {
  const plug = await plugQueue(server)
  // `close` of an HTTP server also closes idle connections, and resets clients that are just sending.
  NetServer.prototype.close.call(server)
  plug?.destroy()
}

/** Closes a server and its idle connections. Cuts those that are left after this time. */
export async function closeWithin(server: Server, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, ms)
    server.close(() => {
      clearTimeout(late)
      resolve()
    })
  })
  server.closeAllConnections()
}

/** The longest time until the queue of the listener is empty for a moment. A turn or two are usual. */
const plugMs = 1_000

/**
 * Waits until the only connection in the queue of the listener is our own, and returns it. The system resets what waits
 * there when the listener closes: so the caller closes it before the event loop turns again.
 *
 * With the shortest queue, the system takes one connection, and does not answer other clients while it waits. They try
 * again, and are refused then. Ours gets that place as soon as the last client is accepted. What is left is a client
 * whose handshake is half done at this moment: it is reset if its last packet comes later.
 */
async function plugQueue(server: NetServer): Promise<Socket | undefined> {
  // Node has no public way to make the queue shorter.
  const { _handle } = server as { _handle?: { listen?: (queueLength: number) => void } }
  _handle?.listen?.(0)
  const address = server.address()
  if (address === null || typeof address === 'string') return undefined
  const endsAt = performance.now() + plugMs
  while (performance.now() < endsAt) {
    await acceptOne(server)
    const plug = connect(address.port, address.address).on('error', () => {})
    // Node connects in the next tick. Within this machine that takes no time, if the queue has a place.
    await new Promise(nextTick)
    if (isConnected(plug)) return plug
    plug.destroy()
  }
  return undefined
}

/** Resolves when the next client is accepted, or when a turn of the event loop finds none. */
function acceptOne(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      server.off('connection', done)
      resolve()
    }
    server.on('connection', done)
    setImmediate(done)
  })
}

/** What Node would say only after a turn of the event loop. The system knows the other end when the handshake is done. */
function isConnected(socket: Socket): boolean {
  const { _handle } = socket as { _handle?: { getpeername?: (address: object) => number } | null }
  return _handle?.getpeername?.({}) === 0
}
