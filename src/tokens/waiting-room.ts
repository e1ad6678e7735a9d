import { wideNetworkOf } from '../http/network.ts'
import { LineUnavailable } from '../line/errors.ts'
import { SourceLimited } from './token-resolver.ts'

/** Counts the attempts that wait for LINE. The places of one client network and all places are limited. */
export type WaitingRoom = {
  isFullFor(network: string): boolean
  /** False: there is no place. */
  enter(network: string): boolean
  leave(network: string): void
  /** How many wait. */
  size(): number
}

const busy = () =>
  new LineUnavailable('Too many calls to LINE are waiting: try again later', { retryAfter: 1, sent: false })
/** The errors of a full room and of a wait that took too long. One object each, because a flood of junk causes very many. */
export const noRoom = busy()
export const waitedTooLong = busy()

/** Whether an outage comes only from the other attempts of the same client. For other clients it says nothing. */
export function isOfOneClient(error: unknown): boolean {
  return error instanceof SourceLimited || error === noRoom || error === waitedTooLong
}

export type WaitingRoomOptions = { readonly mostOfOne: number; readonly mostInAll: number }

/** An IPv6 client counts with its /56 network. */
export function createWaitingRoom({ mostOfOne, mostInAll }: WaitingRoomOptions): WaitingRoom {
  const counts = new Map<string, number>()
  let all = 0

  return { isFullFor: (network) => isFull(keyOf(network)), enter, leave, size: () => all }

  function enter(network: string): boolean {
    const key = keyOf(network)
    if (isFull(key)) return false
    counts.set(key, (counts.get(key) ?? 0) + 1)
    all += 1
    return true
  }

  function leave(network: string): void {
    const key = keyOf(network)
    const left = (counts.get(key) ?? 0) - 1
    if (left > 0) counts.set(key, left)
    else counts.delete(key)
    all -= 1
  }

  function isFull(key: string): boolean {
    return all >= mostInAll || (counts.get(key) ?? 0) >= mostOfOne
  }
}

function keyOf(network: string): string {
  return wideNetworkOf(network) ?? network
}
