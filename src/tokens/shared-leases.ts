import type { CommandOptions, Redis, Script } from '../redis.ts'

/**
 * A lease is an entry in Redis that says which process does a piece of work now. The others wait for its result. The lease
 * of a process that died ends by itself, and another process takes over.
 */
export type Leases = {
  /**
   * Renews a lease that this process holds, every 500 ms, until the returned function is called. That function does not
   * delete the lease. A lease that another owner has by now is left alone.
   */
  hold(key: string, owner: Buffer): () => void
  /**
   * Waits for a change: reads the keys every 5 ms until `decide` returns something. `deadline`: `performance.now()`. What
   * `decide` throws is the rejection.
   */
  watch<Result extends object | string>(
    keys: readonly string[],
    decide: (values: readonly (Buffer | undefined)[]) => Result | undefined,
    deadline: number,
    options?: CommandOptions,
  ): Promise<Result | Unseen>
}

/** No change was seen. `away`: Redis is away. `late`: the deadline has passed. */
export type Unseen = 'away' | 'late'

/** As long as the others wait if the process with the lease is killed. Three renewals in a row may fail before it ends. */
export const leaseMs = 1_500
const renewEveryMs = 500
const readEveryMs = 5
/** A script stops everything else in Redis, so it may not have too many steps. */
const mostInOneScript = 500

/**
 * For the start of a script. `get`: an entry of another type counts as absent, as it does for `read`. `getFor`: so does an
 * entry that ends later than in `mostMs`, or never. We did not write it, so it is removed.
 */
export const luaToGet = `
    local function get(key)
      local value = redis.pcall('GET', key)
      return type(value) == 'string' and value or nil
    end
    local function getFor(key, mostMs)
      local leftMs = redis.call('PTTL', key)
      if leftMs >= 0 and leftMs <= tonumber(mostMs) then return get(key) end
      if leftMs ~= -2 then redis.pcall('DEL', key) end
    end`

const renew: Script = {
  name: 'renewLeases',
  lua: `${luaToGet}
    for i, key in ipairs(KEYS) do
      if get(key) == ARGV[i + 1] then redis.call('PEXPIRE', key, ARGV[1]) end
    end
    return #KEYS`,
}

type Held = { readonly key: string; readonly owner: Buffer }

/** However many leases the process holds or waits for: one round trip renews all, and one reads all. */
export function createLeases(redis: Redis): Leases {
  const held = new Set<Held>()
  const hasty = createWatch(redis, { patient: false })
  const patient = createWatch(redis, { patient: true })
  let timer: NodeJS.Timeout | undefined

  return {
    hold,
    watch: (keys, decide, deadline, options) => (options?.patient ? patient : hasty)(keys, decide, deadline),
  }

  function hold(key: string, owner: Buffer): () => void {
    const lease = { key, owner }
    held.add(lease)
    timer ??= setInterval(renewAll, renewEveryMs).unref()
    return () => release(lease)
  }

  function release(lease: Held): void {
    held.delete(lease)
    if (held.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function renewAll(): void {
    const all = [...held]
    for (let start = 0; start < all.length; start += mostInOneScript) {
      const some = all.slice(start, start + mostInOneScript)
      const owners = some.map(({ owner }) => owner)
      // An answer changes nothing: whether the lease was lost shows at the end of the work.
      void redis.run(
        renew,
        some.map(({ key }) => key),
        [leaseMs, ...owners],
      )
    }
  }
}

type Values = readonly (Buffer | undefined)[]

type Watcher = { readonly keys: readonly string[]; look(values: Values | 'away'): void }

/** One loop for all that wait. It runs only while somebody waits. */
function createWatch(redis: Redis, options: CommandOptions): Leases['watch'] {
  const watchers = new Set<Watcher>()
  let isRunning = false

  return (keys, decide, deadline) => {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(() => resolve('late')), Math.max(deadline - performance.now(), 0)).unref()
      const watcher = { keys, look }
      watchers.add(watcher)
      if (!isRunning) void run()

      function look(values: Values | 'away'): void {
        try {
          const result = values === 'away' ? values : decide(values)
          if (result !== undefined) end(() => resolve(result))
        } catch (error) {
          end(() => reject(error))
        }
      }

      function end(settle: () => void): void {
        clearTimeout(timer)
        watchers.delete(watcher)
        settle()
      }
    })
  }

  async function run(): Promise<void> {
    isRunning = true
    while (watchers.size > 0) {
      // First the pause: who comes here has just read the keys.
      await pause()
      await readAll([...watchers])
    }
    isRunning = false
  }

  async function readAll(waiting: readonly Watcher[]): Promise<void> {
    const keys = [...new Set(waiting.flatMap((watcher) => watcher.keys))]
    if (keys.length === 0) return
    const values = await redis.read(keys, options)
    const current = new Map(values === 'away' ? [] : keys.map((key, index) => [key, values[index]]))
    for (const watcher of waiting) {
      if (!watchers.has(watcher)) continue
      watcher.look(values === 'away' ? 'away' : watcher.keys.map((key) => current.get(key)))
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, readEveryMs).unref())
}
