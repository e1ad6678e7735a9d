import type { RunningGateway } from './running-gateway.ts'

/**
 * Lets the clock of LINE and of the gateway run with the real time, so that pauses of retries and of the circuit breaker
 * end. Returns a function that stops it.
 */
export function runClock({ advance }: Pick<RunningGateway, 'advance'>): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    advance(now - last)
    last = now
  }, 50)
  return () => clearInterval(timer)
}
