import type { LineRequest } from '../http/line-request.ts'
import { empty, json, type LineResponse, refusal } from '../http/line-response.ts'
import type { Mint } from '../platform/mint.ts'
import type { Platform } from '../platform/platform.ts'
import { parseSwitches } from '../platform/switches.ts'
import type { CallBook } from './calls.ts'
import { isRecord, numberIn, optional, parseTokenRequest, stringIn } from './control-input.ts'
import { type FaultBook, parseFault, parseFaultTarget } from './faults.ts'

export type Stage = {
  platform: Platform
  calls: CallBook
  faults: FaultBook
  mint: Mint
  advanceClock: (ms: number) => void
}

/** `name` is the endpoint or user in the path, empty where there is none. */
type Action = (input: unknown, name: string) => LineResponse

/** The control endpoint, `/emulator/…`: JSON in, JSON out. What a test does in code, from another process. */
export function createControl({
  platform,
  calls,
  faults,
  mint,
  advanceClock,
}: Stage): (request: LineRequest) => LineResponse {
  const { switches } = platform

  const actions: Readonly<Record<string, Action>> = {
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
    'POST tokens': (input) => json(mint.issueTokens(parseTokenRequest(input))),
    'POST tokens/revoke': does((input) => mint.revokeAccessToken(stringIn(input, 'accessToken'))),
    'POST tokens/expire': does((input) => mint.expireAccessToken(stringIn(input, 'accessToken'))),
    'POST users/*/unlink': does((input, name) => mint.unlink(name, optional(stringIn, input, 'channelId'))),
    'POST signing-key/rotate': does(() => mint.rotateSigningKey()),
    'POST clock': does((input) => advanceClock(numberIn(input, 'advanceMs'))),
  }

  return ({ method, path, body }) => {
    const name = namedPart.exec(path)?.[2] ?? ''
    const action = actions[`${method} ${path.replace(namedPart, '$1*').slice('/emulator/'.length)}`]
    if (action === undefined) return refusal(404, 'The control endpoint has no such path and method')
    try {
      return action(body === '' ? {} : JSON.parse(body), decodeURIComponent(name))
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

  /** All or none: a mistake in one leaves the faults as they were. */
  function setAllFaults(input: unknown): void {
    if (!isRecord(input)) throw new TypeError('faults: not an object')
    const wanted = Object.entries(input).map(([name, fault]) => [parseFaultTarget(name), parseFault(fault)] as const)
    faults.clear()
    for (const [endpoint, fault] of wanted) faults.set(endpoint, fault)
  }
}

/** The part of the path that names an endpoint or a user. */
const namedPart = /^(\/emulator\/(?:faults|users)\/)([^/]+)/

function does(act: (input: unknown, name: string) => void): Action {
  return (input, name) => {
    act(input, name)
    return empty(204)
  }
}
