import { type Endpoint, endpoints } from '../routes.ts'

/** A recorded call, without credentials. `status` is null when no complete answer was sent. `at` is epoch ms. */
export type Call = { endpoint: Endpoint; method: string; status: number | null; at: number }

/** The calls to LINE's endpoints. A call counts when it arrives. It is in flight until its answer is sent. */
export type Calls = {
  total(): number
  of(endpoint: Endpoint): number
  byEndpoint(): Record<Endpoint, number>
  inFlight(): number
  /** The most calls in flight at once since the last reset. */
  maxInFlight(): number
  /** The last 100 calls that ended, oldest first. */
  recent(): readonly Call[]
  reset(): void
}

/** Ends a call. Later calls of this function have no effect. */
export type EndCall = (status: number | null) => void

export type CallLog = Calls & { begin(endpoint: Endpoint, method: string): EndCall }

export function createCallLog(now: () => number): CallLog {
  let counts = noCalls()
  let recent: Call[] = []
  let inFlight = 0
  let maxInFlight = 0

  return {
    begin,
    total: () => Object.values(counts).reduce((sum, count) => sum + count, 0),
    of: (endpoint) => counts[endpoint],
    byEndpoint: () => ({ ...counts }),
    inFlight: () => inFlight,
    maxInFlight: () => maxInFlight,
    recent: () => [...recent],
    reset,
  }

  function begin(endpoint: Endpoint, method: string): EndCall {
    const at = now()
    let ended = false
    counts[endpoint]++
    maxInFlight = Math.max(maxInFlight, ++inFlight)
    return (status) => {
      if (ended) return
      ended = true
      inFlight--
      recent.push({ endpoint, method, status, at })
      if (recent.length > 100) recent.shift()
    }
  }

  function reset(): void {
    counts = noCalls()
    recent = []
    maxInFlight = inFlight
  }
}

function noCalls(): Record<Endpoint, number> {
  return Object.fromEntries(endpoints.map((endpoint) => [endpoint, 0])) as Record<Endpoint, number>
}
