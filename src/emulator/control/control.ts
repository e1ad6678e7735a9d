import type { LineRequest } from '../http/line-request.ts'
import { empty, json, type LineResponse, refusal } from '../http/line-response.ts'
import type { DirectActions } from '../platform/direct-actions.ts'
import type { Platform } from '../platform/platform.ts'
import { parseSwitches } from '../platform/switches.ts'
import type { CallLog } from './calls.ts'
import { isRecord, numberIn, optional, parseTokenRequest, stringIn } from './control-input.ts'
import { type FaultStore, parseFault, parseFaultTarget } from './faults.ts'

export type EmulatorParts = {
  platform: Platform
  calls: CallLog
  faults: FaultStore
  actions: DirectActions
  advanceClock: (ms: number) => void
}

/** `name` is the endpoint or user in the path. It is empty if the path has none. */
type Handler = (input: unknown, name: string) => LineResponse

/** The control endpoint, `/emulator/…`: JSON in, JSON out. It gives other processes what tests do in code. */
export function createControl({
  platform,
  calls,
  faults,
  actions,
  advanceClock,
}: EmulatorParts): (request: LineRequest) => LineResponse {
  const { switches } = platform

  const handlers: Readonly<Record<string, Handler>> = {
    'GET calls': () => json(callsBody()),
    'POST calls/reset': does(() => calls.reset()),
    'GET faults': () => json(faults.all()),
    'PUT faults': does((input) => setAllFaults(input)),
    'DELETE faults': does(() => faults.clear()),
    'GET faults/*': (_, name) => json(faults.all()[name] ?? null),
    'PUT faults/*': does((input, name) => faults.set(parseFaultTarget(name), parseFault(input))),
    'DELETE faults/*': does((_, name) => faults.clear(parseFaultTarget(name))),
    'GET switches': () => json(switches),
    'PUT switches': (input) => json(Object.assign(switches, parseSwitches(input))),
    'POST tokens': (input) => json(actions.issueTokens(parseTokenRequest(input))),
    'POST tokens/revoke': does((input) => actions.revokeAccessToken(stringIn(input, 'accessToken'))),
    'POST tokens/expire': does((input) => actions.expireAccessToken(stringIn(input, 'accessToken'))),
    'POST users/*/unlink': does((input, name) => actions.unlink(name, optional(stringIn, input, 'channelId'))),
    'POST signing-key/rotate': does(() => actions.rotateSigningKey()),
    'POST clock': does((input) => advanceClock(numberIn(input, 'advanceMs'))),
  }

  return ({ method, path, body }) => {
    const name = namedPart.exec(path)?.[2] ?? ''
    const handler = handlers[`${method} ${path.replace(namedPart, '$1*').slice('/emulator/'.length)}`]
    if (handler === undefined) return refusal(404, 'The control endpoint does not have this path and method')
    try {
      return handler(body === '' ? {} : JSON.parse(body), decodeURIComponent(name))
    } catch (error) {
      return refusal(400, error instanceof Error ? error.message : 'Bad request')
    }
  }

  function callsBody() {
    return {
      total: calls.total(),
      inFlight: calls.inFlight(),
      maxInFlight: calls.maxInFlight(),
      byEndpoint: calls.byEndpoint(),
      recent: calls.recent(),
    }
  }

  /** Sets all faults or none: if one is wrong, the faults stay as they were. */
  function setAllFaults(input: unknown): void {
    if (!isRecord(input)) throw new TypeError('faults: must be an object')
    const wanted = Object.entries(input).map(([name, fault]) => [parseFaultTarget(name), parseFault(fault)] as const)
    faults.clear()
    for (const [endpoint, fault] of wanted) faults.set(endpoint, fault)
  }
}

/** The part of the path that names an endpoint or a user. */
const namedPart = /^(\/emulator\/(?:faults|users)\/)([^/]+)/

/** A handler that has no content to answer: 204. */
function does(act: (input: unknown, name: string) => void): Handler {
  return (input, name) => {
    act(input, name)
    return empty(204)
  }
}
