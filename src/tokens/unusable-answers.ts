import type { Answer, Question, Resolver } from './token-resolver.ts'
import { createUnusables } from './unusables.ts'

/** The tier that answers a question again like before, if LINE's answer to it had no use a moment ago. */
export function rememberUnusable(behind: Resolver, now: () => number): Resolver {
  const unusables = createUnusables(now)

  return async function answer(question) {
    const outage = unusables.find(idOf(question))
    if (outage !== undefined) return { verdict: 'unknown', outage }
    const answered = await behind(question)
    remember(question, answered)
    return answered
  }

  function remember(question: Question, answered: Answer): void {
    if (answered.verdict === 'unknown') unusables.add(idOf(question), answered.outage)
    if (answered.verdict === 'valid' && answered.unread !== undefined) {
      const { subject, outage } = answered.unread
      unusables.add(idOf({ ...question, subject }), outage)
    }
  }
}

function idOf({ subject, token }: Question): string {
  return `${subject} ${token.key}`
}
