import type { LookUp } from '../telemetry/metric-labels.ts'
import { type Answer, type Invalid, type Resolver, SourceLimited, type Unknown, type Valid } from './token-resolver.ts'

/**
 * Counts each question once, at its end: a hit at once, other questions when they are answered. A question has one subject, so an
 * operation that needs two readings asks two. What a question asks further on its way is not counted. A malformed token and an ID
 * token are no questions.
 */
export function countLookUps(resolve: Resolver, count: (end: LookUp) => void): Resolver {
  return (question) => {
    const answer = resolve(question)
    // Nearly all questions. The two other tests would cost more.
    if ((answer as Partial<Answer>).from === 'fresh') count(valid.fresh)
    else if (answer instanceof Promise) answer.then(settled, failed)
    else count(lookUpOf(answer))
    return answer
  }

  function settled(answer: Answer): void {
    count(lookUpOf(answer))
  }

  /** A mistake of ours: its caller gets an error. */
  function failed(): void {
    count(unanswered.line)
  }
}

/** The answer to a question of somebody else. */
export function fromFlight(answer: Answer): Answer {
  return { ...answer, from: 'flight' }
}

/** LINE or another process has just confirmed the token: then that counts, although the rest of the answer was in memory. */
export function confirmedBy({ from }: Pick<Valid, 'from'>, answer: Answer | Promise<Answer>): Answer | Promise<Answer> {
  return answer instanceof Promise || answer.verdict !== 'valid' ? answer : moved(answer, from)
}

function moved(answer: Valid, from: Valid['from']): Valid {
  return { ...answer, from }
}

function lookUpOf(answer: Answer): LookUp {
  switch (answer.verdict) {
    case 'valid':
      return valid[answer.from ?? 'line']
    case 'invalid':
      return refused[answer.from ?? 'line']
    case 'unknown':
      // It says nothing about the token.
      if (answer.outage instanceof SourceLimited) return limited
      return unanswered[answer.from ?? 'line']
  }
}

const valid: Ends<Valid> = {
  fresh: ['memory', 'fresh'],
  aging: ['memory', 'aging'],
  stale: ['memory', 'stale'],
  flight: ['flight', 'valid'],
  redis: ['redis', 'valid'],
  line: ['line', 'valid'],
}
const refused: Ends<Invalid> = {
  memory: ['memory', 'refused'],
  flight: ['flight', 'refused'],
  redis: ['redis', 'refused'],
  line: ['line', 'refused'],
}
const unanswered: Ends<Unknown> = { flight: ['flight', 'unanswered'], line: ['line', 'unanswered'] }
const limited: LookUp = ['gate', 'limited']

type Ends<One extends Answer> = Readonly<Record<NonNullable<One['from']> | 'line', LookUp>>
