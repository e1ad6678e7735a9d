import { performance } from 'node:perf_hooks'
import type { TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer, Invalid } from '../tokens/token-resolver.ts'
import { secondsLeft } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { BadUserInput } from './errors.ts'
import { selectedFields } from './selection.ts'
import { whenAnswered } from './token-answers.ts'
import { ViewerRef, viewerOf } from './viewer.ts'

const TokenRefusal = builder.enumType('TokenRefusal', {
  description: 'Why an access token is refused.',
  values: {
    MALFORMED: { description: 'It is not an access token at all.' },
    EXPIRED: { description: 'Its time is over: refresh it.' },
    REVOKED: { description: 'It was revoked, by the user, by you or through this gateway.' },
    WRONG_CHANNEL: { description: 'It was issued for a channel that is not ours. Never log anyone in with it.' },
    INVALID: { description: 'LINE refuses it, and no more is known.' },
  },
})

/** LINE's answer about a token somebody sent: its facts, or why it is refused. */
type Verification = { readonly token: AccessToken; readonly record: TokenRecord } | Invalid

const AccessTokenVerification = builder.objectRef<Verification>('AccessTokenVerification').implement({
  description:
    'Whether an access token is good. A refusal is an answer here and not an error; a question LINE could not answer is an error and never `active: false`.',
  fields: (t) => ({
    active: t.boolean({
      description: 'Whether it was issued for one of our channels and works now.',
      resolve: (verification) => factsOf(verification) !== undefined,
    }),
    reason: t.field({
      type: TokenRefusal,
      nullable: true,
      description: 'Why it is refused; null when active.',
      resolve: (verification) => ('reason' in verification ? verification.reason : null),
    }),
    channelId: t.id({
      nullable: true,
      description: 'The channel it was issued for; null when not active.',
      resolve: (verification) => factsOf(verification)?.channelId ?? null,
    }),
    scopes: t.stringList({
      nullable: true,
      description: 'What the user has permitted; null when not active.',
      resolve: (verification) => factsOf(verification)?.scopes.slice() ?? null,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it stops to work; null when not active.',
      resolve: (verification) => wholeMs(factsOf(verification)?.expiresAt),
    }),
    expiresIn: t.int({
      nullable: true,
      description: 'Seconds until then; null when not active.',
      resolve: (verification, _, { services }) => {
        const record = factsOf(verification)
        return record === undefined ? null : secondsLeft(record, services.now())
      },
    }),
    verifiedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When LINE last proved it alive; null when not active.',
      resolve: (verification) => wholeMs(factsOf(verification)?.verifiedAt),
    }),
    viewer: t.field({
      type: ViewerRef,
      nullable: true,
      description: 'Whose token it is; null when not active. Asked of LINE only when selected.',
      resolve: (verification, _, context, info) =>
        'token' in verification ? viewerOf(verification.token, selectedFields(info), context) : null,
    }),
  }),
})

builder.queryField('verifyAccessToken', (t) =>
  t.field({
    type: AccessTokenVerification,
    nullable: true,
    description:
      'Whether an access token that a client sent you is good: issued for one of our channels, not expired, not revoked. The idea of RFC 7662 with the facts of LINE.',
    args: { accessToken: t.arg.string({ required: true, description: 'The access token to verify.' }) },
    resolve: (_, { accessToken }, context) => {
      countTokens(1, 'accessToken', context)
      return verify(accessToken, context)
    },
  }),
)

builder.queryField('verifyAccessTokens', (t) =>
  t.field({
    type: [AccessTokenVerification],
    nullable: { list: false, items: true },
    description:
      'The same for many tokens, in the order given: at most 100 in one operation, all fields together. Where LINE could not answer, the element is null with an error of its own; the others stand.',
    args: { accessTokens: t.arg.stringList({ required: true, description: 'The access tokens to verify.' }) },
    resolve: (_, { accessTokens }, context) => {
      countTokens(accessTokens.length, 'accessTokens', context)
      return accessTokens.map((accessToken) => settled(() => verify(accessToken, context)))
    },
  }),
)

/** LINE does not tell its limits, so one operation may not ask for everything. */
const mostTokens = 100

function countTokens(count: number, argument: string, context: Context): void {
  context.tokensAsked += count
  if (context.tokensAsked > mostTokens) {
    throw new BadUserInput(argument, `asks for more than ${mostTokens} tokens in one operation`)
  }
}

function verify(raw: string, context: Context): Verification | Promise<Verification> {
  const token = context.services.toAccessToken(raw)
  if (token === undefined) return { verdict: 'invalid', reason: 'MALFORMED' }
  const question = {
    token,
    subject: 'verification',
    clientAddress: context.clientAddress,
    since: performance.now(),
  } as const
  return whenAnswered(context.services.resolve(question), (answer) => verificationIn(answer, token))
}

function verificationIn(answer: Answer, token: AccessToken): Verification {
  if (answer.verdict === 'unknown') throw answer.outage
  return answer.verdict === 'valid' ? { token, record: answer.record } : answer
}

/** In a list, what throws at once must fail its own element only. */
function settled<Result>(ask: () => Result | Promise<Result>): Result | Promise<Result> {
  try {
    return ask()
  } catch (error) {
    return Promise.reject(error)
  }
}

function factsOf(verification: Verification): TokenRecord | undefined {
  return 'record' in verification ? verification.record : undefined
}

function wholeMs(epochMs: number | undefined): number | null {
  return epochMs === undefined ? null : Math.floor(epochMs)
}
