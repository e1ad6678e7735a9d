import type { LineClient } from '../line/client.ts'
import { isLineOutage } from '../line/errors.ts'
import {
  judgeFriendship,
  judgeProfile,
  judgeUserinfo,
  judgeVerification,
  type Verdict,
  type VerificationFacts,
} from '../line/responses.ts'
import type { LineAnswer } from '../line/transport.ts'
import { type Subject, scopeMissing, type TokenRecord, withFacts } from './record.ts'
import type { Answer, Question, Resolver } from './token-resolver.ts'

type Reading = Exclude<Subject, 'verification'>
/** What one reading adds to a record. */
type Learned = Partial<Pick<TokenRecord, 'profile' | 'friendship' | 'userId'>>

/**
 * The last tier: whoever gets this far is answered by LINE. How many calls are in flight at once is bounded below, by the
 * transport, so nothing is counted here.
 */
export function askLine(
  line: Pick<LineClient, 'verifyAccessToken' | 'profile' | 'userinfo' | 'friendship'>,
  isOurs: (channelId: string) => boolean,
  now: () => number,
): Resolver {
  return function answer(question) {
    const { subject, known } = question
    if (subject === 'verification') return verify(question)
    if (known === undefined) throw new TypeError('a token is verified before anything is read with it')
    return read(question, subject, known)
  }

  /** The verification and, where wanted, one reading in the same round trip; the reading counts only if the token is good. */
  async function verify({ token, since, known, alongside }: Question): Promise<Answer> {
    const askedAt = now()
    const reading = alongside && alongside !== 'verification' ? fetchReading(token.raw, alongside, since) : undefined
    const verdict = await fetchVerification(token.raw, since)
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

  /** A reading that LINE answers proves the token alive as well. */
  async function read({ token, since }: Question, subject: Reading, known: TokenRecord): Promise<Answer> {
    const askedAt = now()
    const verdict = await fetchReading(token.raw, subject, since)
    if (verdict.verdict !== 'valid') return verdict
    return { verdict: 'valid', record: withFacts(known, { ...verdict.facts, verifiedAt: askedAt }) }
  }

  function fetchVerification(raw: string, since: number): Promise<Verdict<VerificationFacts>> {
    return judged(line.verifyAccessToken(raw, since), (answer) => judgeVerification(answer, isOurs))
  }

  async function fetchReading(raw: string, subject: Reading, since: number): Promise<Verdict<Learned>> {
    const readAt = now()
    switch (subject) {
      case 'profile':
        return map(await judged(line.profile(raw, since), judgeProfile), (facts) => ({
          profile: Object.freeze({ ...facts, readAt }),
        }))
      case 'friendship':
        return map(await judged(line.friendship(raw, since), judgeFriendship), (facts) => ({
          friendship: Object.freeze({ ...facts, readAt }),
        }))
      case 'userinfo':
        return judged(line.userinfo(raw, since), judgeUserinfo)
    }
  }
}

/** An outage is an answer here, so that nothing above has to tell it from a bug by catching. */
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

function map<From, To>(verdict: Verdict<From>, change: (facts: From) => To): Verdict<To> {
  return verdict.verdict === 'valid' ? { verdict: 'valid', facts: change(verdict.facts) } : verdict
}

/** Time counts from the moment of asking, so that we never believe a token longer than LINE does. */
function toRecord(facts: VerificationFacts, askedAt: number, known: TokenRecord | undefined): TokenRecord {
  return Object.freeze({
    channelId: facts.channelId,
    scopes: Object.freeze(facts.scopes),
    verifiedAt: askedAt,
    expiresAt: askedAt + facts.expiresInMs,
    profile: known?.profile,
    friendship: known?.friendship,
    userId: known?.userId,
    family: known?.family,
  })
}
