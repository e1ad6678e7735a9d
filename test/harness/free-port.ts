import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port that no program uses now. For programs that start again on the same port, or that cannot say their port. It is below the
 * ports that the system gives for port 0 and to clients: otherwise another test may get it before the program listens. Each process
 * counts up from a place of its own, so two test processes do not find the same one.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next
    next = port < last ? port + 1 : first
    if (await isFree(port)) return port
  }
}

/** Linux gives the ports from 32,768 on. Browsers refuse 10,080. */
const [first, last] = [11_000, 31_999]
/** Processes that start together have IDs close together. A run needs far fewer than 100 ports in one process. */
let next = first + ((process.pid * 100) % (last - first))

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
