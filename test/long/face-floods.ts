import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/**
 * A program that sends 5,000 requests to the gateway at URL, over 1,000 connections that are open, and prints how many were
 * answered. KIND is the kind of request, CHANNEL and KID are what a good ID token would name.
 */
const { URL: url = '', KIND: kind = '', CHANNEL: channel = '', KID: kid = '' } = process.env
const connections = 1_000
const onEach = 5
const { hostname, port } = new URL(url)

const kinds: Readonly<Record<string, (n: number) => string>> = {
  'forms of 16 KB': () => post('/oauth/token', 'x'.repeat(8_000) + '%C3%A9+'.repeat(1_100)),
  'forms of many members': () =>
    post('/oauth/token', Array.from({ length: 4_000 }, (_, n) => n.toString(36)).join('&')),
  'wrong client secrets': (n) => post('/oauth/introspect', 'token=a', `authorization: Basic ${wrongSecret(n)}\r\n`),
  'junk ID tokens': (n) => `GET /auth HTTP/1.1\r\nhost: x\r\n${from(n)}authorization: Bearer ${junkIdToken(n)}\r\n\r\n`,
}

const make = kinds[kind]
if (make === undefined) throw new Error('KIND is unknown')
const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname))
await Promise.all(sockets.map((socket) => once(socket, 'connect')))
const each = await Promise.all(sockets.map((socket, n) => ask(socket, n, make)))
process.stdout.write(`answered ${each.reduce((sum, one) => sum + one, 0)}\n`)

/** How many requests of one connection were answered. The next one is sent when the answer has come. */
function ask(socket: Socket, connection: number, requestOf: (n: number) => string): Promise<number> {
  return new Promise((resolve) => {
    let answered = 0
    const next = () => socket.write(requestOf(connection * onEach + answered))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answered))
    socket.on('data', (bytes) => {
      answered += bytes.toString('latin1').match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0
      if (answered < onEach) next()
      else socket.destroy()
    })
    next()
  })
}

function post(path: string, form: string, more = ''): string {
  const type = 'content-type: application/x-www-form-urlencoded\r\n'
  const body = form.slice(0, 16 * 1024)
  return `POST ${path} HTTP/1.1\r\nhost: x\r\n${type}content-length: ${body.length}\r\n${more}\r\n${body}`
}

function wrongSecret(n: number): string {
  return Buffer.from(`orders-api:${'%41'.repeat(3_000)}${n}`).toString('base64')
}

/** Each client has an address of its own, so that no bucket spares us a signature. */
function from(n: number): string {
  return `x-forwarded-for: 10.${n >> 16}.${(n >> 8) & 255}.${n & 255}\r\n`
}

function junkIdToken(n: number): string {
  const claims = { iss: 'https://access.line.me', aud: channel, sub: `U${'0'.repeat(32)}`, exp: 4e9, iat: 1, n }
  const parts = [{ alg: 'ES256', kid, typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${parts.join('.')}.${Buffer.alloc(64, (n % 250) + 1).toString('base64url')}`
}
