/** Asks the same 100 times at once, and says how many calls to LINE that took. */
import { sayIn } from './demo-notice.js'
import { nextNumbers } from './live.js'
import { ask, wordsFor } from './session.js'

export async function askAtOnce(accessToken) {
  const before = await nextNumbers()
  const results = await Promise.all(Array.from({ length: 100 }, () => failureOf(accessToken)))
  const calls = (await nextNumbers()).lineCalls - before.lineCalls
  const failures = results.filter((failure) => failure !== undefined)
  const counts = `${100 - failures.length} answers, ${calls} ${calls === 1 ? 'call' : 'calls'} to LINE`
  const words = [`100 questions at once: ${counts}.`, ...explain(failures, calls)]
  sayIn('burst', failures.length === 0 ? 'ok' : 'wait', words.join(' '))
}

/** Resolves with the failure of one question, or with `undefined` if it was answered. */
function failureOf(accessToken) {
  return ask('{ viewer { displayName } }', {}, accessToken).then(
    ({ data, errors }) => (data.viewer ? undefined : errors[0]),
    (failure) => failure,
  )
}

function explain([failure], calls) {
  if (failure === undefined) return []
  const breaker = 'After some failures in a row, or one 429, the circuit breaker stops the calls.'
  return calls > 0 ? [wordsFor(failure), breaker] : [wordsFor(failure)]
}
