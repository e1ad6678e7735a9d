/** Reads something once a second while the page is visible. */

const everyMs = 1_000
/** While nothing answers: a browser writes each failed request to its console. */
const everyMsWhileAway = 5_000

/** `read` resolves with `false` if it got no answer. Nothing is read before the first call of `now`. */
export function watch(read) {
  let timer
  let reading
  document.addEventListener('visibilitychange', now)
  addEventListener('online', now)
  addEventListener('offline', now)
  return { now, next }

  /** Reads at once. Calls at the same time share one reading. */
  function now() {
    reading ??= readOnce().finally(() => {
      reading = undefined
    })
    return reading
  }

  /** Reads what has happened so far: a reading that is under way may be older. */
  async function next() {
    await reading
    return now()
  }

  async function readOnce() {
    clearTimeout(timer)
    const isAnswered = await read()
    clearTimeout(timer)
    if (!document.hidden) timer = setTimeout(now, isAnswered ? everyMs : everyMsWhileAway)
  }
}
