import { validateHeaderName, validateHeaderValue } from 'node:http'
import { type Endpoint, endpoints } from '../routes.ts'

/**
 * A fault of an endpoint. It has at most one kind. `latencyMs` and `times` can be combined with each kind.
 *
 * `hang`, `reset`, `close`, `garbage`, `empty`, `status` and `body` replace LINE: the call has no effect.
 * `latencyMs`, `truncated`, `huge`, `drip`, `gzip` and `commitThenReset` change only how LINE's real answer is sent.
 */
export type Fault = {
  /** Delays the answer. LINE processes the call when it arrives, only the answer is late. */
  latencyMs?: number
  /** The fault applies to this number of calls and then ends. Default: to all calls. */
  times?: number
  /** Default 200 when `body` is set. */
  status?: number
  /** A string is sent as it is. Other values are sent as JSON. */
  body?: unknown
  headers?: Readonly<Record<string, string>>
  /** Accepts the request and never answers. */
  hang?: true
  /** A TCP reset. */
  reset?: true
  /** The connection ends without an answer. */
  close?: true
  /** 200 with a body that is not JSON. */
  garbage?: true
  /** 200 without a body. */
  empty?: true
  /** The connection ends before the body has the length in Content-Length. */
  truncated?: true
  /** Adds 8 MB to the answer, or this number of MB. */
  huge?: true | number
  /** Sends one byte every 100 ms. */
  drip?: true
  /** Compresses the answer although the request does not allow it. `bomb` unpacks to more than 32 MB. */
  gzip?: true | 'bomb'
  /** The call has its effect, then a TCP reset comes instead of the answer. */
  commitThenReset?: true
}

export type Faults = {
  /** Replaces the fault of an endpoint, or of all (`*`). Throws a `TypeError` if the endpoint or the fault is wrong. */
  set(endpoint: Endpoint | '*', fault: Fault): void
  /** Without an endpoint: clears all faults. */
  clear(endpoint?: Endpoint | '*'): void
}

export type FaultStore = Faults & {
  /** The fault for a call that arrived: the endpoint's own, else that of `*`. Counts down its `times`. */
  take(endpoint: Endpoint): Fault | undefined
  all(): Record<string, Fault>
}

const kinds = [
  'hang',
  'reset',
  'close',
  'garbage',
  'empty',
  'truncated',
  'huge',
  'drip',
  'gzip',
  'commitThenReset',
] as const
const otherMembers = ['status', 'body', 'headers', 'latencyMs', 'times'] as const

export function createFaultStore(): FaultStore {
  const faults = new Map<Endpoint | '*', Fault>()

  return {
    set: (endpoint, fault) => void faults.set(parseFaultTarget(endpoint), { ...parseFault(fault) }),
    clear: (endpoint) => void (endpoint === undefined ? faults.clear() : faults.delete(endpoint)),
    take: (endpoint) => takeFrom(faults.has(endpoint) ? endpoint : '*'),
    all: () => Object.fromEntries(faults),
  }

  function takeFrom(target: Endpoint | '*'): Fault | undefined {
    const fault = faults.get(target)
    if (fault?.times === undefined) return fault
    if (--fault.times <= 0) faults.delete(target)
    return fault
  }
}

export function parseFaultTarget(target: string): Endpoint | '*' {
  const known = ['*' as const, ...endpoints].find((name) => name === target)
  if (known === undefined)
    throw new TypeError(`faults: there is no such endpoint: expected * or one of ${endpoints.join(', ')}`)
  return known
}

/** Checks a fault, which can come from JSON. Throws a `TypeError` that names the wrong member and what is allowed. */
export function parseFault(value: unknown): Fault {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('faults: a fault must be an object')
  const known: readonly string[] = [...kinds, ...otherMembers]
  const given = Object.entries(value).filter(([, setting]) => setting !== undefined)
  if (!given.every(([name]) => known.includes(name)))
    throw new TypeError(`faults: has an unknown member: expected ${known.join(', ')}`)
  for (const [name, setting] of given) assertMember(name, setting)
  assertOneKind(value)
  return value
}

function assertOneKind(fault: Fault): void {
  const chosen: string[] = kinds.filter((kind) => fault[kind] !== undefined)
  if (fault.status !== undefined || fault.body !== undefined) chosen.push('status or body')
  if (chosen.length > 1) throw new TypeError(`faults: ${chosen.join(' and ')} cannot be combined`)
}

function assertMember(name: string, setting: unknown): void {
  const [isAllowed, allowed] = memberRules[name] ?? [(value: unknown) => value === true, 'true']
  if (!isAllowed(setting)) throw new TypeError(`faults: ${name} must be ${allowed}`)
}

/** The members that are not just `true`. */
const memberRules: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  latencyMs: [(ms) => isNumber(ms, 0, 2 ** 31 - 1), 'a number of ms, 0 or more'],
  times: [(times) => Number.isInteger(times) && isNumber(times, 1), 'an integer, 1 or more'],
  status: [(status) => Number.isInteger(status) && isNumber(status, 200, 599), 'an HTTP status from 200 to 599'],
  body: [() => true, ''],
  headers: [areHeaders, 'an object of texts, with names and values that HTTP allows'],
  huge: [(megabytes) => megabytes === true || isNumber(megabytes, 1, 256), 'true or a number of MB from 1 to 256'],
  gzip: [(gzip) => gzip === true || gzip === 'bomb', 'true or "bomb"'],
}

function isNumber(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function areHeaders(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([name, text]) => typeof text === 'string' && canSend(name, text))
}

function canSend(name: string, text: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, text)
    return true
  } catch {
    return false
  }
}
