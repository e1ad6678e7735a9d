import { isShare } from './shares.ts'
import { type Admission, isUseless, type Outcome, type SourceGate } from './source-gate.ts'
import { type Answer, type BatchResolver, isOutage, type Question, type Resolver } from './token-resolver.ts'

/**
 * The tier that limits cold tokens (without a record) for each client address. Warm tokens are never limited. Of a caller with
 * a share, the readings that it waits for count as well.
 */
export function limitSources(behind: Resolver, gate: SourceGate): BatchResolver {
  return (questions) => questions.map(pass)

  async function pass(question: Question): Promise<Answer> {
    try {
      return await (isLimited(question) ? passGate(question) : (question.claim?.() ?? behind(question)))
    } catch (error) {
      if (isOutage(error)) return { verdict: 'unknown', outage: error }
      throw error
    }
  }

  async function passGate(question: Question): Promise<Answer> {
    const { clientAddress, deadline, alongside, onWait } = question
    const calls = alongside === undefined ? 1 : 2
    const admission = await gate.admit(clientAddress, { deadline, calls, onWait })
    const other = question.claim?.()
    if (other === undefined) {
      const admitted = admission.calls === calls ? question : { ...question, alongside: undefined }
      return settled(admission, () => behind(admitted))
    }
    admission.settle('open')
    return other
  }
}

function isLimited({ known, lane, clientAddress }: Question): boolean {
  return known === undefined || (lane === undefined && isShare(clientAddress))
}

async function settled(admission: Admission, ask: () => Answer | Promise<Answer>): Promise<Answer> {
  let outcome: Outcome = 'open'
  try {
    const answer = await ask()
    outcome = outcomeOf(answer)
    return answer
  } finally {
    admission.settle(outcome)
  }
}

function outcomeOf(answer: Answer): Outcome {
  if (answer.verdict === 'unknown') return isUseless(answer.outage) ? 'useless' : 'open'
  return answer.verdict === 'valid' ? 'good' : 'refused'
}
