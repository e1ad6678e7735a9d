import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseForm } from '../../src/http/form.ts'
import { fastestMs } from '../harness/fastest.ts'
import { print } from '../harness/print.ts'
import { connectTo, receive, sendRaw, statusesIn } from '../harness/raw-http.ts'
import { expectNoCallsAfterEach, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

const client = { id: 'api', secret: 's'.repeat(32) }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const credentials = `client_id=${client.id}&client_secret=${client.secret}`

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway({ OAUTH_CLIENTS: JSON.stringify([client]) })
})
afterAll(() => gateway.close())
expectNoCallsAfterEach(() => gateway)

/** The token is malformed, so LINE is not asked. */
const post = (body: string | Buffer, headers: Record<string, string> = form) =>
  gateway.send('/oauth/introspect', { method: 'POST', headers, body })
const inactive = { status: 200, text: '{"active":false}' }

async function expectRefused(reply: ReturnType<typeof post>, status: number): Promise<void> {
  const { status: seen, text, headers } = await reply
  expect(seen).toBe(status)
  expect(JSON.parse(text)).toEqual({ error: 'invalid_request', error_description: expect.any(String) })
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
}

describe('the head of a form', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded;charset=utf-8',
    'Application/X-WWW-Form-URLencoded; Charset="UTF-8"',
    'application/x-www-form-urlencoded ; charset=utf8 ;',
    'application/x-www-form-urlencoded; boundary=x; charset=UTF-8',
  ])('%s: read', async (type) => {
    expect(await post(`token=%20&${credentials}`, { 'content-type': type })).toMatchObject(inactive)
  })

  it.each([
    '',
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencodedx',
    'application/x-www-form-urlencoded, text/plain',
    'text/plain; application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; boundary=x; charset=shift_jis',
    'application/x-www-form-urlencoded; charset',
  ])('%j: 415', async (type) => {
    await expectRefused(post(`token=%20&${credentials}`, { 'content-type': type }), 415)
  })

  it('no media type: 415', () => expectRefused(post(credentials, {}), 415))

  it.each(['gzip', 'br', 'identity'])('content encoding %s: 415', async (encoding) => {
    await expectRefused(post(gzipSync(credentials), { ...form, 'content-encoding': encoding }), 415)
  })

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('%s: 405 with Allow', async (method) => {
    const head = `${method} /oauth/introspect HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`
    const reply = await sendRaw(gateway.url, head)
    expect(statusesIn(reply)).toEqual([405])
    expect(reply.text).toMatch(/^allow: POST\r$/im)
  })

  it('two Authorization headers: 400', async () => {
    const twice = 'authorization: Basic YTpi\r\nAUTHORIZATION: Basic YTpi\r\n'
    const head = `POST /oauth/introspect HTTP/1.1\r\nhost: x\r\ncontent-type: ${form['content-type']}\r\n${twice}content-length: 0\r\n\r\n`
    const reply = await sendRaw(gateway.url, head)
    expect(statusesIn(reply)).toEqual([400])
    expect(reply.text).toContain('"error":"invalid_request"')
  })
})

describe('the size of a form', () => {
  const padded = (bytes: number) => {
    const start = `token=%20&${credentials}&padding=`
    return start + 'x'.repeat(bytes - start.length)
  }

  it('16 KB: read; one byte more: 413', async () => {
    expect(await post(padded(16_384))).toMatchObject(inactive)
    await expectRefused(post(padded(16_385)), 413)
  })

  it('too large, in pieces without a length: 413, and the connection is closed', async () => {
    const socket = connectTo(gateway.url)
    const head = `POST /oauth/introspect HTTP/1.1\r\nhost: x\r\ncontent-type: ${form['content-type']}\r\ntransfer-encoding: chunked\r\n\r\n`
    const piece = `2000\r\n${'x'.repeat(0x2000)}\r\n`
    socket.write(head + piece + piece + piece)
    const reply = await receive(socket)
    expect(statusesIn(reply)).toEqual([413])
    expect(reply.text).toMatch(/^connection: close\r$/im)
    expect(reply.closed).toBe(true)
  })

  it('a client that goes in the middle of a form: no answer, no error, and the next one is answered', async () => {
    const socket = connectTo(gateway.url)
    const head = `POST /oauth/introspect HTTP/1.1\r\nhost: x\r\ncontent-type: ${form['content-type']}\r\ncontent-length: 100\r\n\r\n`
    socket.write(`${head}token=`, () => socket.destroy())
    await receive(socket)
    expect(await post(`token=%20&${credentials}`)).toMatchObject(inactive)
  })
})

describe('the members of a form', () => {
  const read = (text: string) => {
    const parsed = parseForm(text)
    return parsed instanceof Map ? Object.fromEntries(parsed) : parsed
  }

  it.each<[string, Record<string, string>]>([
    ['', {}],
    ['a=1', { a: '1' }],
    ['a=1&b=2', { a: '1', b: '2' }],
    ['&&a=1&', { a: '1' }],
    ['a=1+2%2B3', { a: '1 2+3' }],
    ['%61=%e6%bc%A2', { a: '漢' }],
    ['a=漢', { a: '漢' }],
    ['a=b=c', { a: 'b=c' }],
    ['a=%26%3D', { a: '&=' }],
    ['__proto__=x', Object.fromEntries([['__proto__', 'x']])],
    ['=x', { '': 'x' }],
  ])('%j: read', (text, members) => {
    expect(read(text)).toEqual(members)
  })

  it.each(['a=', 'a', 'a&b=', '='])('%j: an empty member counts as not sent (RFC 6749 section 3.2)', (text) => {
    expect(read(text)).toEqual({})
  })

  it.each(['a=1&a=2', 'a=1&a=1', 'a=1&%61=2', 'a=&a=1', 'a=1&a', 'x=1&b=2&x=3'])('%j: twice, so refused', (text) => {
    expect(read(text)).toMatchObject({ status: 400, message: 'The form has the same member twice' })
  })

  it.each(['a=%', 'a=%4', 'a=%zz', '%=a', 'a=%ff', 'a=%c3%28', 'a=%ed%a0%80', 'a=%c0%af', 'a=\ufffd'])(
    '%j: malformed, so refused',
    (text) => {
      expect(read(text)).toMatchObject({ status: 400, message: expect.stringMatching(/^The form is malformed/) })
    },
  )

  const members = (count: number) => Array.from({ length: count }, (_, n) => `m${n}=%41+b`).join('&')

  it('32 members: read; one more: refused', () => {
    expect(Object.keys(read(members(32)))).toHaveLength(32)
    expect(read(members(33))).toMatchObject({ status: 400, message: 'The form has more than 32 members' })
  })

  it.each([
    ['a malformed one', `${members(33)}&a=%`],
    ['one twice', `m0=x&${members(33)}`],
    ['empty ones', '&'.repeat(40)],
  ])('more than 32, with %s: refused before any is decoded', (_, text) => {
    expect(read(text)).toMatchObject({ message: 'The form has more than 32 members' })
  })

  it.each([
    ['thousands of members', Array.from({ length: 4_000 }, (_, n) => n.toString(36)).join('&')],
    ['thousands of members with values', Array.from({ length: 3_400 }, (_, n) => `${n.toString(36)}=1`).join('&')],
    ['separators', '&'.repeat(20_000)],
    ['plus signs', `a=${'+'.repeat(20_000)}`],
    ['plus signs and letters', `a=${'+a'.repeat(10_000)}`],
    ['escapes', `a=${'%C3%A9'.repeat(2_700)}`],
  ])('16 KB of %s: a figure', (what, text) => {
    const bytes = Buffer.from(text.slice(0, 16_300))
    print(`a form of 16 KB of ${what}: ${fastestMs(() => parseForm(bytes.toString())).toFixed(3)} ms`)
  })

  it('more than 32 members: 400', () => expectRefused(post(`${credentials}&${members(31)}`), 400))
  it('bytes that are not UTF-8: 400', () => expectRefused(post(Buffer.from('token=\xff', 'latin1')), 400))
  it('a member twice: 400', () => expectRefused(post(`token=a&token=b&${credentials}`), 400))
  it('a malformed escape: 400', () => expectRefused(post(`token=%&${credentials}`), 400))
})
