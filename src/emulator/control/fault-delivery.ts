import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { JSON_TYPE, type LineResponse } from '../http/line-response.ts'
import { send, writeHead } from '../http/send.ts'
import type { EndCall } from './calls.ts'
import type { Fault } from './faults.ts'

const MEGABYTE = 1024 * 1024

/** Whether a call with this fault still has its effect at LINE. */
export function hasEffect(fault: Fault): boolean {
  const replacesLine = fault.hang || fault.reset || fault.close || fault.garbage || fault.empty
  return !replacesLine && fault.status === undefined && fault.body === undefined
}

/** Sends an answer with this fault. `answer` is undefined when the fault replaces LINE. */
export async function deliverFaulty(
  fault: Fault,
  answer: LineResponse | undefined,
  response: ServerResponse,
  end: EndCall,
): Promise<void> {
  if (fault.hang) return
  if (fault.latencyMs !== undefined && !(await isConnectedAfter(fault.latencyMs, response))) return
  if (fault.reset || fault.commitThenReset) return void response.socket?.resetAndDestroy()
  if (fault.close) return void response.socket?.destroySoon()
  const base = answer ?? replacementFor(fault)
  const sent = { ...base, headers: { ...base.headers, ...fault.headers } }
  if (fault.truncated) return truncate(sent, response)
  if (fault.drip) return drip(sent, response, end)
  if (fault.huge) return send(response, pad(sent, fault.huge === true ? 8 : fault.huge), end)
  if (fault.gzip) return compress(sent, fault.gzip === 'bomb', response, end)
  send(response, sent, end)
}

function replacementFor({ status, body, garbage }: Fault): LineResponse {
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  return {
    status: status ?? 200,
    headers: { 'content-type': JSON_TYPE },
    body: garbage ? '}{ this is not JSON' : text,
  }
}

function truncate(answer: LineResponse, response: ServerResponse): void {
  const body = Buffer.from(answer.body)
  writeHead(response, answer, body.length + 64)
  response.flushHeaders()
  response.write(body.subarray(0, Math.ceil(body.length / 2)))
  response.socket?.destroySoon()
}

async function drip(answer: LineResponse, response: ServerResponse, end: EndCall): Promise<void> {
  const body = Buffer.from(answer.body)
  writeHead(response, answer, body.length)
  response.flushHeaders()
  for (const byte of body) {
    if (!(await isConnectedAfter(100, response))) return
    response.write(Buffer.of(byte))
  }
  end(answer.status)
  response.end()
}

/** Adds a long member to the real ones, so that only the size is wrong. */
function pad(answer: LineResponse, megabytes: number): LineResponse {
  const [before, after] = aroundPadding(answer.body)
  return { ...answer, body: before + paddingOf(megabytes) + after }
}

function aroundPadding(body: string): readonly [string, string] {
  const start = /^\{.+\}$/s.test(body) ? `${body.slice(0, -1)},` : '{'
  return [`${start}"padding":"`, '"}']
}

function paddingOf(megabytes: number): string {
  return 'x'.repeat(megabytes * MEGABYTE)
}

function compress(answer: LineResponse, bomb: boolean, response: ServerResponse, end: EndCall): void {
  const packed = bomb ? packBomb(answer.body) : gzipSync(answer.body)
  writeHead(response, { ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' } }, packed.length)
  end(answer.status)
  response.end(packed)
}

let packedPadding: Buffer | undefined

/** Packed data can follow other packed data (RFC 1952 section 2.2), so the padding is packed once. */
function packBomb(body: string): Buffer {
  const [before, after] = aroundPadding(body)
  packedPadding ??= gzipSync(paddingOf(32))
  return Buffer.concat([gzipSync(before), packedPadding, gzipSync(after)])
}

/** Waits. Stops waiting at once when the connection ends. */
async function isConnectedAfter(ms: number, response: ServerResponse): Promise<boolean> {
  const closed = new AbortController()
  const stopWaiting = () => closed.abort()
  response.once('close', stopWaiting)
  await sleep(ms, undefined, { signal: closed.signal }).catch(() => undefined)
  response.off('close', stopWaiting)
  return !closed.signal.aborted && !response.destroyed
}
