import { type Endpoint, endpoints } from '../routes.ts'

/**
 * What goes wrong at an endpoint. One kind at a time; `latencyMs` and `times` go with each.
 *
 * `hang`, `reset`, `close`, `garbage`, `empty` and a `status` or `body` stand in for LINE: the call has no effect.
 * `latencyMs`, `truncated`, `huge`, `drip`, `gzip` and `commitThenReset` spoil the delivery of a true answer.
 */
export type Fault = {
  /** Delay of the answer. LINE decides when the call arrives; only its answer is late. */
  latencyMs?: number
  /** Only the next n calls. */
  times?: number
  /** Default 200 when there is a body. */
  status?: number
  /** A string is sent as it is, all else as JSON. */
  body?: unknown
  headers?: Readonly<Record<string, string>>
  /** Takes the request and never answers. */
  hang?: true
  /** A TCP reset. */
  reset?: true
  /** The connection ends without an answer. */
  close?: true
  /** 200 and something that isn't JSON. */
  garbage?: true
  /** 200 and no body. */
  empty?: true
  /** Ends before Content-Length is reached. */
  truncated?: true
  /** Pads the answer to 8 MB, or to this many. */
  huge?: true | number
  /** One byte every 100 ms. */
  drip?: true
  /** Compressed though nobody asked; `bomb` unpacks to 32 MB. */
  gzip?: true | 'bomb'
  /** The call has its effect and then the answer is lost. */
  commitThenReset?: true
}

export type Faults = {
  /** Throws TypeError for an unknown endpoint or a fault that makes no sense. Replaces the fault set before. */
  set(endpoint: Endpoint | '*', fault: Fault): void
  /** Without an endpoint: all. */
  clear(endpoint?: Endpoint | '*'): void
}

export type FaultBook = Faults & {
  /** The fault for the call that just arrived, which uses it up; the endpoint's own before `*`. */
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
const companions = ['status', 'body', 'headers', 'latencyMs', 'times'] as const

export function createFaultBook(): FaultBook {
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
  if (known === undefined) throw new TypeError(`faults: there is no endpoint "${target}"`)
  return known
}

/** Checks a fault that may have come as JSON. */
export function parseFault(value: unknown): Fault {
  if (typeof value !== 'object' || value === null) throw new TypeError('faults: not an object')
  const fault: Fault = value
  const known: readonly string[] = [...kinds, ...companions]
  const unknown = Object.keys(fault).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new TypeError(`faults: there is no "${unknown}"`)
  assertOneKind(fault)
  assertNumbers(fault)
  return fault
}

function assertOneKind(fault: Fault): void {
  const chosen: string[] = kinds.filter((kind) => fault[kind] !== undefined)
  if (fault.status !== undefined || fault.body !== undefined) chosen.push('status or body')
  if (chosen.length > 1) throw new TypeError(`faults: ${chosen.join(' and ')} do not go together`)
}

function assertNumbers({ latencyMs, times, status }: Fault): void {
  if (latencyMs !== undefined && !(latencyMs >= 0)) throw new TypeError('faults: latencyMs is a number of ms')
  if (times !== undefined && !(Number.isInteger(times) && times > 0)) throw new TypeError('faults: times is 1 or more')
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new TypeError('faults: status is an HTTP status')
  }
}
