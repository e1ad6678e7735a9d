import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

/** A request as Node's server passes it, with these headers and this client address, and without a body. */
export function incoming(headers: Readonly<Record<string, string>>, remoteAddress = '192.0.2.1'): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress })
  const request = new IncomingMessage(socket)
  Object.assign(request.headers, headers)
  return request
}
