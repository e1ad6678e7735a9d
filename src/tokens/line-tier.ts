import type { LineClient } from '../line/client.ts'
import { isLineOutage } from '../line/errors.ts'
import { judgeVerification, type Verdict, type VerificationFacts } from '../line/responses.ts'
import type { CallLimits, LineAnswer } from '../line/transport.ts'
import { type Learned, type ReadingName, readings } from './readings.ts'
import { createRecord, scopeMissing, type TokenRecord, withFacts } from './record.ts'
import type { Answer, Question, Resolver } from './token-resolver.ts'

/**
 * The last tier: it calls LINE for every question. The transport below limits the number of calls in flight, so this
 * tier does not count them.
 */
export function askLine(
  line: Pick<LineClient, 'verifyAccessToken' | ReadingName>,
  isOurs: (channelId: string) => boolean,
  now: () => number,
): Resolver {
  return function answer(question) {
    const { subject, known } = question
    if (subject === 'verification') return verify(question)
    if (known === undefined) throw new TypeError('a reading needs the record of a verified token')
    return read(question, subject, known)
  }

  /** Verifies the token and fetches the reading `alongside` at the same time. It is used only if the token is valid. */
  async function verify(question: Question): Promise<Answer> {
    const { token, known, alongside } = question
    const askedAt = now()
    const reading = alongside === undefined ? undefined : fetchReading(token.raw, alongside, question)
    // Until somebody waits for it, and if nobody does: an error in it must not end the process.
    reading?.catch(() => {})
    const verdict = await fetchVerification(token.raw, question)
    if (verdict.verdict !== 'valid') return verdict
    const record = toRecord(verdict.facts, askedAt, known)
    if (reading === undefined || alongside === undefined || scopeMissing(record, alongside))
      return { verdict: 'valid', record }
    const read = await reading
    if (read.verdict === 'invalid') return read
    if (read.verdict === 'unknown')
      return { verdict: 'valid', record, unread: { subject: alongside, outage: read.outage } }
    return { verdict: 'valid', record: withFacts(record, read.facts) }
  }

  /** A good reading also proves the token valid. */
  async function read(question: Question, reading: ReadingName, known: TokenRecord): Promise<Answer> {
    const askedAt = now()
    const verdict = await fetchReading(question.token.raw, reading, question)
    if (verdict.verdict !== 'valid') return verdict
    return { verdict: 'valid', record: withFacts(known, { ...verdict.facts, verifiedAt: askedAt }) }
  }

  function fetchVerification(raw: string, limits: CallLimits): Promise<Verdict<VerificationFacts>> {
    return judged(line.verifyAccessToken(raw, limits), (answer) => judgeVerification(answer, isOurs))
  }

  function fetchReading(raw: string, reading: ReadingName, limits: CallLimits): Promise<Verdict<Learned>> {
    const readAt = now()
    return judged(line[reading](raw, limits), (answer) => readings[reading].read(answer, readAt))
  }
}

/** Turns an outage into the verdict `unknown`. Every other error is a bug and is thrown again. */
async function judged<Facts>(
  asked: Promise<LineAnswer>,
  judge: (answer: LineAnswer) => Verdict<Facts>,
): Promise<Verdict<Facts>> {
  try {
    return judge(await asked)
  } catch (error) {
    if (isLineOutage(error)) return { verdict: 'unknown', outage: error }
    throw error
  }
}

/** Times count from the start of the call, so that a token is never served longer than LINE accepts it. */
function toRecord({ channelId, scopes, expiresInMs }: VerificationFacts, askedAt: number, known?: TokenRecord) {
  const verified = { channelId, scopes, verifiedAt: askedAt, expiresAt: askedAt + expiresInMs }
  return known === undefined ? createRecord(verified) : withFacts(known, verified)
}
