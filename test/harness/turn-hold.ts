import { vi } from 'vitest'
import type { Telemetry } from '../../src/telemetry/telemetry.ts'
import type { RunningGateway } from './running-gateway.ts'

/** Makes the requests of a gateway wait for their turn of the event loop (`src/http/turns.ts`), for as long as a test needs. */
export type TurnHold = {
  /** For the start of that gateway. */
  watch(telemetry: Telemetry): Telemetry
  /** Requests that come after this wait. `send`: the request that takes long. */
  hold(gateway: RunningGateway, send?: () => Promise<unknown>): Promise<void>
  /** Runs those that wait. */
  release(): void
}

/** More than a turn has. */
const longMs = 15

export function createTurnHold(): TurnHold {
  let isWanted = false
  let endTurn: (() => void) | undefined

  return { watch, hold, release }

  function watch(telemetry: Telemetry): Telemetry {
    return {
      ...telemetry,
      operation: (done) => {
        telemetry.operation(done)
        if (isWanted) takeEnd()
      },
    }
  }

  /** This operation takes long. So the server plans the end of the turn, before any other code runs. */
  function takeEnd(): void {
    vi.stubGlobal('setImmediate', (run: () => void) => {
      endTurn = run
    })
    queueMicrotask(() => vi.unstubAllGlobals())
    spin()
  }

  async function hold(
    gateway: RunningGateway,
    send: () => Promise<unknown> = () => gateway.ask('{ __typename }'),
  ): Promise<void> {
    isWanted = true
    // Not planned again if another operation of the same turn has done it.
    while (endTurn === undefined) await send()
    isWanted = false
    spin()
  }

  function release(): void {
    endTurn?.()
    endTurn = undefined
  }
}

function spin(): void {
  for (const until = performance.now() + longMs; performance.now() < until; );
}
