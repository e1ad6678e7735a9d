/** A circuit breaker: one failure opens it, and after a pause one command probes. */
export type Pause = {
  /** Whether a command may be sent now. `probe`: as the only one, and one of the three methods below must follow. */
  enter(): 'pass' | 'probe' | 'refuse'
  answered(as: 'pass' | 'probe'): void
  /** The deadline passed, or the connection was lost. */
  failed(as: 'pass' | 'probe'): void
  isOpen(): boolean
  /** Whether `enter` would refuse now. */
  isRefusing(): boolean
}

/** Short, so that a recovery is noticed soon; each pause costs at most one command its deadline. */
export const pauseMs = 500

export function createPause(now: () => number = () => performance.now()): Pause {
  /** `undefined`: closed. */
  let openUntil: number | undefined
  let isProbing = false
  return { enter, answered, failed, isOpen: () => openUntil !== undefined, isRefusing }

  function isRefusing(): boolean {
    return openUntil !== undefined && (isProbing || now() < openUntil)
  }

  function enter(): 'pass' | 'probe' | 'refuse' {
    if (openUntil === undefined) return 'pass'
    if (isRefusing()) return 'refuse'
    isProbing = true
    return 'probe'
  }

  /** Commands sent before the pause do not end it: a slow server answers some of them in time. */
  function answered(as: 'pass' | 'probe'): void {
    if (as !== 'probe') return
    openUntil = undefined
    isProbing = false
  }

  /** Commands that were under way when the pause began do not make it longer. */
  function failed(as: 'pass' | 'probe'): void {
    if (as === 'probe') isProbing = false
    if (as === 'probe' || openUntil === undefined) openUntil = now() + pauseMs
  }
}
