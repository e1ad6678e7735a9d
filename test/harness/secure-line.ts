import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

/** LINE with HTTPS. No DNS has this name, so only a proxy reaches it. */
export const secureLineUrl = 'https://api.line.test'

/** What a proxy does with CONNECT. `close`: it closes the connection. `hang`: it never answers. */
export type ProxyBehaviour = 'tunnel' | 'hang' | 'close' | 407 | 502

export type SecureLine = Awaited<ReturnType<typeof startSecureLine>>

/** An HTTPS server with the name of `secureLineUrl`, and an outbound proxy (RFC 9110 section 9.3.6) in front of it. */
export async function startSecureLine() {
  const previous = getCACertificates('default')
  setDefaultCACertificates([...previous, certificate])
  const seen: { connects: { target: string; credentials: string | undefined }[]; headers: IncomingHttpHeaders[] } = {
    connects: [],
    headers: [],
  }
  const state = { behaviour: 'tunnel' as ProxyBehaviour, target: '' }
  const sockets = new Set<Socket>()

  const line = createTlsServer({ key, cert: certificate }, (incoming, outgoing) => {
    seen.headers.push(incoming.headers)
    const { method, url = '', headers } = incoming
    const forwarded = request(state.target + url, { method, headers: { ...headers, host: 'localhost' } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(forwarded)
  })
  const proxy = createServer((_, response) => response.writeHead(405).end())
  proxy.on('connect', ({ url = '', headers }, socket: Socket) => {
    keep(socket)
    seen.connects.push({ target: url, credentials: headers['proxy-authorization'] })
    if (state.behaviour === 'close') socket.destroy()
    else if (state.behaviour === 'tunnel') tunnel(socket)
    else if (state.behaviour !== 'hang') socket.end(`HTTP/1.1 ${state.behaviour} No\r\ncontent-length: 0\r\n\r\n`)
  })
  line.on('connection', keep)
  const [linePort, proxyPort] = [await listen(line), await listen(proxy)]

  return { seen, state, proxyPort, close }

  function tunnel(socket: Socket): void {
    const upstream = connect(linePort, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    keep(upstream)
    socket.pipe(upstream).pipe(socket)
  }

  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }

  async function close(): Promise<void> {
    setDefaultCACertificates(previous)
    for (const socket of sockets) socket.destroy()
    await Promise.all([line, proxy].map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** Made for these tests only, valid from 2020 to 2120. It signs itself. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA7v5ddFFXWeTAUh7
Oj+qKTUJ1Z+JyT4Xxfx/MEffBQahRANCAAQWtnuN5bFDplz/kJVzXh0OFZ2ym0W3
6TS8Fqq/CtSlnnUyPYFjO7c4BBI57qIazA1o/pEqoDsfQwxZMJv7uPgM
-----END PRIVATE KEY-----`
const certificate = `-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1hcGkubGlu
ZS50ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
VQQDDA1hcGkubGluZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFrZ7
jeWxQ6Zc/5CVc14dDhWdsptFt+k0vBaqvwrUpZ51Mj2BYzu3OAQSOe6iGswNaP6R
KqA7H0MMWTCb+7j4DKNMMEowGAYDVR0RBBEwD4INYXBpLmxpbmUudGVzdDAPBgNV
HRMBAf8EBTADAQH/MB0GA1UdDgQWBBTgxVvgX6Cg+/Da7eA+mb4rBAXa4jAKBggq
hkjOPQQDAgNIADBFAiBqhuOqn0bnP6aZtOQUo+nDkv7rtqDaEeJdsA6RlnTHXwIh
AIm3NvIuuXLXzymriFWRI4kTpKjYUQwsoX5vVlRZg8k0
-----END CERTIFICATE-----`
