import { within } from '../line/deadline.ts'
import type { LineUnavailable } from '../line/errors.ts'
import type { Caller } from './token-resolver.ts'
import { createWaitingRoom, isOfOneClient, noRoom } from './waiting-room.ts'

/** Single flight: calls with the same key at the same time share one result. */
export type Flights<Result> = {
  /**
   * Joins the flight of this key, or launches one. If the result comes only from the other attempts of the address that
   * launched the flight (it is rate limited, or its attempts wait too long), other addresses launch again. A caller whose deadline comes
   * before the end of the flight gets a rejection with `LineUnavailable`, and so does a caller when too many have joined.
   */
  fly(key: string, caller: Caller, launch: () => Promise<Result>): Promise<Result>
  isUnderWay(key: string): boolean
  /** The error with which `fly` would reject now if the flight is under way. It costs no promise. */
  refusalFor(clientAddress: string): LineUnavailable | undefined
}

type Flight<Result> = { readonly launchedBy: Caller; readonly result: Promise<Result> }

/** More than may wait in the gate: a herd of honest callers joins one flight, and each of them costs little memory. */
const mostJoined = { mostOfOne: 2_000, mostInAll: 20_000 }

/**
 * Flights are in a map of their own, not in a cache. A full cache would drop a flight, and the next caller would call
 * LINE a second time. `isOfOne`: whether a result comes only from the other attempts of one address. A rejection can say
 * the same.
 */
export function createFlights<Result>(isOfOne: (result: Result) => boolean = () => false): Flights<Result> {
  const flights = new Map<string, Flight<Result>>()
  const joined = createWaitingRoom(mostJoined)

  return { fly, isUnderWay: (key) => flights.has(key), refusalFor }

  function refusalFor(clientAddress: string): LineUnavailable | undefined {
    return joined.isFullFor(clientAddress) ? noRoom : undefined
  }

  function fly(key: string, caller: Caller, launch: () => Promise<Result>): Promise<Result> {
    const flight = flights.get(key)
    if (flight === undefined) return start(key, caller, launch)
    return join(flight, caller, () => fly(key, caller, launch))
  }

  function join({ launchedBy, result }: Flight<Result>, caller: Caller, flyAgain: () => Promise<Result>) {
    const { clientAddress, deadline } = caller
    if (!joined.enter(clientAddress)) return Promise.reject(noRoom)
    const shared = (launchedBy.deadline > deadline ? within(deadline, result) : result).finally(() =>
      joined.leave(clientAddress),
    )
    if (launchedBy.clientAddress === clientAddress) return shared
    return shared.then(
      (settled) => (isOfOne(settled) ? flyAgain() : settled),
      (error) => {
        if (isOfOneClient(error)) return flyAgain()
        throw error
      },
    )
  }

  /** The flight goes on if its caller disconnects, so that a retry gets the answer. */
  function start(key: string, launchedBy: Caller, launch: () => Promise<Result>): Promise<Result> {
    const result = launch().finally(() => flights.delete(key))
    flights.set(key, { launchedBy, result })
    return result
  }
}
