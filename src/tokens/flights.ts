import { OutOfTime, within } from '../line/deadline.ts'
import type { LineUnavailable } from '../line/errors.ts'
import { isShare } from './shares.ts'
import type { Caller } from './token-resolver.ts'
import { createWaitingRoom, isOfOneClient, noRoom, waitedTooLong } from './waiting-room.ts'

/** Single flight: calls with the same key at the same time share one result. */
export type Flights<Result> = {
  /**
   * Joins the flight of this key, or launches one. If the result comes only from the other attempts of the address that
   * launched the flight (it is rate limited, or its attempts wait too long), other addresses launch again. A caller whose deadline comes
   * before the end of the flight gets a rejection with `LineUnavailable`, and so does a caller when too many have joined.
   */
  fly(key: string, caller: Caller, launch: Launch<Result>): Promise<Result>
  /** Whether this caller would join a flight. */
  isUnderWay(key: string, clientAddress: string): boolean
  /** The error with which `fly` would reject now if the flight is under way. It costs no promise. */
  refusalFor(clientAddress: string): LineUnavailable | undefined
}

/**
 * A flight that a caller with a share launches may first wait in the queue of the share, where only that caller joins it. It
 * calls this when it can go to LINE: from then on everybody joins it. If others have launched a flight meanwhile, their result
 * comes back, and LINE must not be asked again.
 */
export type Claim<Result> = () => Promise<Result> | undefined

/** The queue gives here what puts the attempt in the place of one that has just come. Each caller that joins does that. */
export type OnWait = (renew: () => void) => void

export type Launch<Result> = (claim?: Claim<Result>, onWait?: OnWait) => Promise<Result>

type Flight<Result> = { readonly launchedBy: Caller; readonly result: Promise<Result> }
type QueuedFlight<Result> = Flight<Result> & {
  readonly land: (result: Result) => Result
  /** A caller of the same share has come. */
  readonly meet: (caller: Caller, launch: Launch<Result>) => void
}

/** More than may wait in the gate: a herd of honest callers joins one flight, and each of them costs little memory. */
const mostJoined = { mostOfOne: 2_000, mostInAll: 20_000 }

/**
 * Flights are in a map of their own, not in a cache. A full cache would drop a flight, and the next caller would call
 * LINE a second time. `isOfOne`: whether a result comes only from the other attempts of one address. A rejection can say
 * the same. `isOpen`: whether a result leaves the question open, as when the time of its caller was over.
 */
export function createFlights<Result>(
  isOfOne: (result: Result) => boolean = () => false,
  isOpen: (result: Result) => boolean = isOfOne,
): Flights<Result> {
  const flights = new Map<string, Flight<Result>>()
  /** By key and share: those that have not claimed their key. */
  const queued = new Map<string, Map<string, QueuedFlight<Result>>>()
  const joined = createWaitingRoom(mostJoined)

  return { fly, isUnderWay: (key, clientAddress) => find(key, clientAddress) !== undefined, refusalFor }

  function refusalFor(clientAddress: string): LineUnavailable | undefined {
    return joined.isFullFor(clientAddress) ? noRoom : undefined
  }

  function fly(key: string, caller: Caller, launch: Launch<Result>): Promise<Result> {
    if (!flights.has(key)) queued.get(key)?.get(caller.clientAddress)?.meet(caller, launch)
    const flight = find(key, caller.clientAddress)
    if (flight !== undefined) return join(flight, caller, () => fly(key, caller, launch))
    return isShare(caller.clientAddress) ? startInQueue(key, caller, launch) : start(key, caller, launch)
  }

  function find(key: string, clientAddress: string): Flight<Result> | undefined {
    return flights.get(key) ?? queued.get(key)?.get(clientAddress)
  }

  function join({ launchedBy, result }: Flight<Result>, caller: Caller, flyAgain: () => Promise<Result>) {
    const { clientAddress, deadline } = caller
    if (!joined.enter(clientAddress)) return Promise.reject(noRoom)
    const shared = (launchedBy.deadline > deadline ? within(deadline, result) : result).finally(() =>
      joined.leave(clientAddress),
    )
    const isLater = isShare(clientAddress) && deadline > launchedBy.deadline
    if (launchedBy.clientAddress === clientAddress && !isLater) return shared
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
    const result = launch().then(
      (landed) => {
        // First of all: a caller that is landed may ask again at once.
        flights.delete(key)
        return landAll(key, landed)
      },
      (error) => {
        flights.delete(key)
        throw error
      },
    )
    flights.set(key, { launchedBy, result })
    return result
  }

  function startInQueue(key: string, launchedBy: Caller, launch: Launch<Result>) {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const flight = { launchedBy, result: promise, land, meet }
    let last = { caller: launchedBy, launch }
    let renew: (() => void) | undefined
    let isOver = false
    let hasJoined = false
    enterQueue(key, flight)
    launch(claim, (how) => {
      renew = how
    }).then(settle, fail)
    return promise

    function meet(caller: Caller, launchOf: Launch<Result>): void {
      if (caller.deadline > last.caller.deadline) last = { caller, launch: launchOf }
      renew?.()
    }

    function claim(): Promise<Result> | undefined {
      if (isOver) return promise
      leaveQueue(key, flight)
      const other = flights.get(key)
      hasJoined = other !== undefined
      if (other !== undefined) return join(other, launchedBy, () => fly(key, launchedBy, launch)).catch(asWaited)
      flights.set(key, flight)
      return undefined
    }

    /** The flight that it has joined lands the others itself. That one caller's wait for it is over concerns nobody else. */
    function settle(result: Result): void {
      if (isOver) return
      land(result)
      if (!hasJoined) landAll(key, result)
      if (isOfOne(result)) launchForLast()
    }

    function land(result: Result): Result {
      end()
      resolve(result)
      return result
    }

    function fail(error: unknown): void {
      end()
      reject(error)
      if (isOfOneClient(error)) launchForLast()
    }

    /**
     * LINE was not asked in the time of the first caller. Those with more time join one attempt more, of the caller with the most.
     * None of them has time for a third one after that.
     */
    function launchForLast(): void {
      const { caller } = last
      if (caller === launchedBy || find(key, caller.clientAddress) !== undefined) return
      startInQueue(key, caller, last.launch).catch(() => {})
    }

    function end(): void {
      isOver = true
      leaveQueue(key, flight)
      if (flights.get(key) === flight) flights.delete(key)
    }
  }

  /** The flights that still wait for a place need none any more, unless the question is still open. */
  function landAll(key: string, result: Result): Result {
    const waiting = queued.get(key)
    if (waiting !== undefined && !isOpen(result)) for (const { land } of [...waiting.values()]) land(result)
    return result
  }

  function enterQueue(key: string, flight: QueuedFlight<Result>): void {
    const ofKey = queued.get(key) ?? new Map<string, QueuedFlight<Result>>()
    queued.set(key, ofKey.set(flight.launchedBy.clientAddress, flight))
  }

  function leaveQueue(key: string, flight: QueuedFlight<Result>): void {
    const ofKey = queued.get(key)
    const { clientAddress } = flight.launchedBy
    if (ofKey?.get(clientAddress) !== flight) return
    ofKey.delete(clientAddress)
    if (ofKey.size === 0) queued.delete(key)
  }
}

/** For the callers that have more time, it is as if the attempt had waited too long in the queue. */
function asWaited(error: unknown): never {
  throw error instanceof OutOfTime ? waitedTooLong : error
}
