import type { CommandConnection } from './metric-labels.ts'

/**
 * The new state of an endpoint's circuit breaker. `open`: for `forMs`, because of failures in a row or because of a 429.
 * `wasOpen`: it was open before, and only the time or the cause is new.
 */
export type BreakerChange =
  | {
      readonly state: 'open'
      readonly cause: 'failures' | 'limit'
      readonly forMs: number
      readonly wasOpen?: true
    }
  | { readonly state: 'half_open' }
  | { readonly state: 'closed' }

/** The connections to Redis: those for commands, and the one that reads the shared stream. */
export type RedisConnectionName = CommandConnection | 'stream'
