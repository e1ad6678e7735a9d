import type { LineRequest } from '../http/line-request.ts'
import { empty, json, type LineResponse, refusal } from '../http/line-response.ts'
import type { DirectActions } from '../platform/direct-actions.ts'
import type { Platform } from '../platform/platform.ts'
import { parseSwitches } from '../platform/switches.ts'
import type { CallLog } from './calls.ts'
import { type ControlName, controls } from './control-guide.ts'
import { isRecord, parseAdvance, parseChannelId, parseTokenChoice, parseTokenRequest } from './control-input.ts'
import { type FaultStore, parseFault, parseFaultTarget } from './faults.ts'

export type EmulatorParts = {
  platform: Platform
  calls: CallLog
  faults: FaultStore
  actions: DirectActions
  advanceClock: (ms: number) => void
  /** See `EmulatorOptions`. */
  appUrl?: (() => string | undefined) | undefined
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

  const handlers: Readonly<Record<ControlName, Handler>> = {
    'GET calls': () => json(callsBody()),
    'POST calls/reset': does(() => calls.reset()),
    'GET faults': () => json(faults.all()),
    'PUT faults': does((input) => setAllFaults(input)),
    'DELETE faults': does(() => faults.clear()),
    'GET faults/*': (_, name) => json(faults.all()[parseFaultTarget(name)] ?? null),
    'PUT faults/*': does((input, name) => faults.set(parseFaultTarget(name), parseFault(input))),
    'DELETE faults/*': does((_, name) => faults.clear(parseFaultTarget(name))),
    'GET switches': () => json(switches),
    'PUT switches': (input) => json(Object.assign(switches, parseSwitches(input))),
    'POST tokens': (input) => json(actions.issueTokens(parseTokenRequest(input))),
    'POST tokens/revoke': does((input) => {
      const chosen = parseTokenChoice(input)
      if ('userId' in chosen) actions.revokeAccessTokensOf(chosen.userId)
      else actions.revokeAccessToken(chosen.accessToken)
    }),
    'POST tokens/expire': does((input) => {
      const chosen = parseTokenChoice(input)
      if ('userId' in chosen) actions.expireAccessTokensOf(chosen.userId)
      else actions.expireAccessToken(chosen.accessToken)
    }),
    'POST users/*/unlink': does((input, name) => actions.unlink(name, parseChannelId(input))),
    'POST signing-key/rotate': does(() => actions.rotateSigningKey()),
    'POST clock': does((input) => advanceClock(parseAdvance(input))),
  }

  return ({ method, path, body }) => {
    const name = namedPart.exec(path)?.[2] ?? ''
    const control = `${method} ${path.replace(namedPart, '$1*').slice('/emulator/'.length)}`
    if (!isControlName(control)) return unknownControl
    try {
      return handlers[control](parseJson(body), decoded(name))
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

const unknownControl = refusal(404, 'There is no such control: the page / of the emulator lists all paths and methods')

function isControlName(name: string): name is ControlName {
  return Object.hasOwn(controls, name)
}

function parseJson(body: string): unknown {
  try {
    return body === '' ? {} : JSON.parse(body)
  } catch {
    throw new TypeError('The body must be JSON')
  }
}

/** A wrong percent sign stays as it is: there is no endpoint or user of that name. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
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
