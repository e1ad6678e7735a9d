import type { ServerResponse } from 'node:http'

/** The requests that have no answer yet, each by its response. */
export type UnderWay = Iterable<ServerResponse> & {
  size(): number
  add(response: ServerResponse): void
  has(response: ServerResponse): boolean
  /** False: it was not there, or not any more. */
  delete(response: ServerResponse): boolean
}

/**
 * Each response knows its place in a list, and the last one takes the place of one that leaves. A Set would allocate new
 * memory again and again while a few come and go: that costs each request more than all its metrics.
 */
export function createUnderWay(): UnderWay {
  const responses: (Placed | undefined)[] = []
  let size = 0

  return { size: () => size, add, has, delete: remove, [Symbol.iterator]: () => all().values() }

  function add(response: Placed): void {
    response[place] = size
    responses[size] = response
    size += 1
  }

  function has(response: Placed): boolean {
    return (response[place] ?? gone) !== gone
  }

  function remove(response: Placed): boolean {
    const from = response[place] ?? gone
    if (from === gone) return false
    size -= 1
    const last = responses[size] as Placed
    responses[from] = last
    last[place] = from
    responses[size] = undefined
    response[place] = gone
    return true
  }

  /** A copy, because some leave while others go through the list. */
  function all(): ServerResponse[] {
    return responses.slice(0, size) as ServerResponse[]
  }
}

const place = Symbol('place')
const gone = -1
type Placed = ServerResponse & { [place]?: number }
