import { SourceLimited } from './token-resolver.ts'

/** Single flight: what is asked while the same question is under way waits for that answer. */
export type Flights<Result> = {
  /**
   * Joins the flight of this key, or launches one. `clientAddress` is who asks: a flight that was refused only because its
   * launcher's address is limited counts for callers of that address. All others launch again.
   */
  fly(key: string, clientAddress: string, launch: () => Promise<Result>): Promise<Result>
  isUnderWay(key: string): boolean
}

type Flight<Result> = { readonly launchedBy: string; readonly result: Promise<Result> }

/**
 * Flights are kept in a map of their own and not in a cache: a cache would drop a flight when it is full, and the next
 * caller would ask LINE a second time. `isLimited` tells whether a result says only that its launcher is limited; a
 * rejection with `SourceLimited` says the same.
 */
export function createFlights<Result>(isLimited: (result: Result) => boolean = () => false): Flights<Result> {
  const flights = new Map<string, Flight<Result>>()

  return { fly, isUnderWay: (key) => flights.has(key) }

  function fly(key: string, clientAddress: string, launch: () => Promise<Result>): Promise<Result> {
    const flight = flights.get(key)
    if (flight === undefined) return start(key, clientAddress, launch)
    if (flight.launchedBy === clientAddress) return flight.result
    return flight.result.then(
      (result) => (isLimited(result) ? fly(key, clientAddress, launch) : result),
      (error) => {
        if (error instanceof SourceLimited) return fly(key, clientAddress, launch)
        throw error
      },
    )
  }

  /** The flight goes on when its launcher hangs up: the answer is there for the retry. */
  function start(key: string, launchedBy: string, launch: () => Promise<Result>): Promise<Result> {
    const result = launch().finally(() => flights.delete(key))
    flights.set(key, { launchedBy, result })
    return result
  }
}
