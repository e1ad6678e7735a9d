import { LineUnavailable } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'
import type { Answer, Outage, Question, Resolver, Unknown } from './token-resolver.ts'

type Unusable = { readonly answer: Unknown; readonly at: number }

const rememberedForMs = 2_000
const max = 20_000

/**
 * The tier that remembers answers of LINE that neither accept nor refuse a token (a 403, a 404, an unreadable answer). The
 * same question within 2 s gets the same answer, so that a question in a loop does not cause a call each time. Other
 * outages are not remembered: the circuit breaker handles them.
 */
export function rememberUnusable(behind: Resolver, now: () => number): Resolver {
  const unusables = createBoundedMap<Unusable>(max)

  return async function answer(question) {
    const remembered = find(idOf(question))
    if (remembered !== undefined) return remembered
    const answered = await behind(question)
    remember(question, answered)
    return answered
  }

  function remember(question: Question, answered: Answer): void {
    if (answered.verdict === 'unknown') add(idOf(question), answered.outage)
    if (answered.verdict === 'valid' && answered.unread !== undefined) {
      const { subject, outage } = answered.unread
      add(idOf({ ...question, subject }), outage)
    }
  }

  function add(id: string, outage: Outage): void {
    if (outage instanceof LineUnavailable && outage.unusable)
      unusables.set(id, { answer: { verdict: 'unknown', outage }, at: now() })
  }

  function find(id: string): Unknown | undefined {
    const unusable = unusables.get(id)
    if (unusable === undefined) return undefined
    if (Math.abs(now() - unusable.at) < rememberedForMs) return unusable.answer
    unusables.delete(id)
    return undefined
  }
}

function idOf({ subject, token }: Question): string {
  return `${subject} ${token.key}`
}
