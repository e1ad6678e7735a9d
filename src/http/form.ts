import type { IncomingMessage } from 'node:http'
import type { ByteBuffer } from './byte-buffer.ts'
import { countHeaders, isUtf8, partsOf, RequestRefused, readBody } from './read-request.ts'

/** The members of a form by name. An empty member is left out: it counts as not sent (RFC 6749 section 3.2). */
export type Form = ReadonlyMap<string, string>

export const noForm: Form = new Map()

const largestFormBytes = 16 * 1024
const allow = { headers: { allow: 'POST' } }
/** The rest of the body was not read, so the connection cannot be used again. */
const close = { headers: { connection: 'close' } }

/** Reads the bytes of a form. Calls `done` once: with a `RequestRefused` or an error of the connection, or with the body. */
export function readForm(request: IncomingMessage, done: (error: unknown, body: ByteBuffer | undefined) => void): void {
  const refusal = refusalOfHead(request)
  if (refusal === undefined) readBody(request, done, largestFormBytes)
  else done(refusal, undefined)
}

/** The form in a body that is read, or no form. Throws `RequestRefused`. */
export function takeForm(body: ByteBuffer | undefined): Form {
  const form = body === undefined ? noForm : parseForm(body.takeText())
  if (form instanceof RequestRefused) throw form
  return form
}

function refusalOfHead(request: IncomingMessage): RequestRefused | undefined {
  const { method, headers } = request
  if (method !== 'POST') return new RequestRefused(405, 'Only POST is answered here', allow)
  if (!isForm(headers['content-type']))
    return new RequestRefused(415, 'The body must be application/x-www-form-urlencoded in UTF-8', close)
  if (headers['content-encoding'] !== undefined)
    return new RequestRefused(415, 'The body must not have a content encoding', close)
  if (countHeaders(request, 'authorization') > 1)
    return new RequestRefused(400, 'More than one Authorization header', close)
  return undefined
}

/** The media type has no parameters of its own, so all are passed over, except a charset that is not UTF-8. */
function isForm(contentType = ''): boolean {
  const [type, ...parameters] = partsOf(contentType.toLowerCase(), ';', mostParts)
  return type === 'application/x-www-form-urlencoded' && parameters.every(isHarmless)
}

function isHarmless(parameter: string): boolean {
  return !/^charset\b/.test(parameter) || isUtf8(parameter)
}

const mostParts = 100

/**
 * https://url.spec.whatwg.org/#urlencoded-parsing, but what is malformed, not UTF-8 or sent twice is refused. So is a form
 * of more parts than any client sends: anybody could make us decode thousands of them.
 */
export function parseForm(text: string): Form | RequestRefused {
  const form = new Map<string, string>()
  const names = new Set<string>()
  const pairs = text.split('&', mostMembers + 1)
  if (pairs.length > mostMembers) return new RequestRefused(400, `The form has more than ${mostMembers} members`)
  for (const pair of pairs) {
    if (pair === '') continue
    const mark = pair.indexOf('=')
    const name = decoded(mark < 0 ? pair : pair.slice(0, mark))
    const value = mark < 0 ? '' : decoded(pair.slice(mark + 1))
    if (name === undefined || value === undefined)
      return new RequestRefused(400, 'The form is malformed: percent-encode its members as UTF-8')
    if (names.has(name)) return new RequestRefused(400, 'The form has the same member twice')
    names.add(name)
    if (value !== '') form.set(name, value)
  }
  return form
}

/** RFC 8693 has ten members, client authentication two. Empty members count. */
const mostMembers = 32

/** `undefined`: the text is malformed. A replacement character stands for bytes that were not UTF-8. */
export function decoded(text: string): string | undefined {
  if (text.includes('\ufffd')) return undefined
  const spaced = text.includes('+') ? withSpaces(text) : text
  if (!text.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return undefined
  }
}

/** On bytes, because `replaceAll` needs half a millisecond where a form is nothing but plus signs. */
function withSpaces(text: string): string {
  const bytes = Buffer.from(text)
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] === plus) bytes[index] = space
  return bytes.toString()
}

const [plus, space] = [0x2b, 0x20]
