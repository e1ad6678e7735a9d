import type { TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer, Invalid } from '../tokens/token-resolver.ts'
import { secondsLeft } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { BadUserInput } from './errors.ts'
import { selectedFields } from './selection.ts'
import { ask, whenAnswered } from './token-answers.ts'
import { ViewerRef, viewerOf } from './viewer.ts'

const TokenRefusal = builder.enumType('TokenRefusal', {
  description: 'Why an access token is refused.',
  values: {
    MALFORMED: { description: 'It does not have the form of an access token.' },
    EXPIRED: { description: 'It has expired. Refresh it.' },
    REVOKED: { description: 'It was revoked by the user, by you or through this gateway.' },
    WRONG_CHANNEL: {
      description: 'It was issued for a channel that does not belong to this gateway. Never log a user in with it.',
    },
    INVALID: { description: 'LINE refuses it and gives no known reason.' },
  },
})

/** The result for one token: its facts, or why it is refused. */
type Verification = { readonly token: AccessToken; readonly record: TokenRecord } | Invalid

const AccessTokenVerification = builder.objectRef<Verification>('AccessTokenVerification').implement({
  description:
    'Whether an access token is valid. A refused token is a result here, not an error. If LINE did not answer, there is an error and never `active: false`.',
  fields: (t) => ({
    active: t.boolean({
      description: 'Whether the token was issued for a channel of this gateway and is valid now.',
      resolve: (verification) => factsOf(verification) !== undefined,
    }),
    reason: t.field({
      type: TokenRefusal,
      nullable: true,
      description: 'Why the token is refused. Null if it is active.',
      resolve: (verification) => ('reason' in verification ? verification.reason : null),
    }),
    channelId: t.id({
      nullable: true,
      description: 'The LINE Login channel that the token was issued for. Null if it is not active.',
      resolve: (verification) => factsOf(verification)?.channelId ?? null,
    }),
    scopes: t.stringList({
      nullable: true,
      description: 'The scopes that the user has granted. Null if the token is not active.',
      resolve: (verification) => factsOf(verification)?.scopes.slice() ?? null,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires. Null if it is not active.',
      resolve: (verification, _, { services }) => wallMs(factsOf(verification)?.expiresAt, services),
    }),
    expiresIn: t.int({
      nullable: true,
      description: 'Seconds until the token expires. Null if it is not active.',
      resolve: (verification, _, { services }) => {
        const record = factsOf(verification)
        return record === undefined ? null : secondsLeft(record, services.now())
      },
    }),
    verifiedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When LINE last confirmed that the token is valid. Null if it is not active.',
      resolve: (verification, _, { services }) => wallMs(factsOf(verification)?.verifiedAt, services),
    }),
    viewer: t.field({
      type: ViewerRef,
      nullable: true,
      description:
        'The user that the token belongs to. Null if it is not active. LINE is called for the user only if you select this field.',
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
      'Checks an access token that a client sent you: it must be issued for a channel of this gateway, not expired and not revoked. Similar to RFC 7662 (token introspection), with the facts that LINE gives.',
    args: { accessToken: t.arg.string({ required: true, description: 'The access token to check.' }) },
    resolve: (_, { accessToken }, context) => {
      countTokens(1, 'accessToken', context)
      return verify(accessToken, context)
    },
  }),
)

builder.queryField('verifyAccessTokens', (t) =>
  t.field({
    type: [AccessTokenVerification],
    nullable: { list: true, items: true },
    description:
      'Checks several access tokens and returns the results in the same order. At most 100 tokens in one operation, all fields together. If LINE did not answer for a token, its element is null with its own error, and the other elements are not affected. The list is null if an argument is wrong.',
    args: { accessTokens: t.arg.stringList({ required: true, description: 'The access tokens to check.' }) },
    resolve: (_, { accessTokens }, context) => {
      countTokens(accessTokens.length, 'accessTokens', context)
      return accessTokens.map((accessToken) => settled(accessToken, context))
    },
  }),
)

/** LINE does not publish its rate limits, so the number of tokens in one operation is limited. */
const mostTokens = 100

function countTokens(count: number, argument: string, context: Context): void {
  context.tokensVerified += count
  if (context.tokensVerified > mostTokens) {
    throw new BadUserInput(argument, `exceeds the limit of ${mostTokens} tokens in one operation`)
  }
}

function verify(raw: string, context: Context): Verification | Promise<Verification> {
  const token = context.services.credentials.readAccessToken(raw)
  if (token === undefined) return { verdict: 'invalid', reason: 'MALFORMED' }
  return whenAnswered(ask(token, 'verification', context), (answer) => verificationIn(answer, token))
}

function verificationIn(answer: Answer, token: AccessToken): Verification {
  if (answer.verdict === 'unknown') throw answer.outage
  return answer.verdict === 'valid' ? { token, record: answer.record } : answer
}

/** GraphQL takes an error in a list as the failure of that element alone. It costs less than a rejected promise. */
function settled(raw: string, context: Context): Verification | Promise<Verification> {
  try {
    return verify(raw, context)
  } catch (error) {
    return error as never
  }
}

function factsOf(verification: Verification): TokenRecord | undefined {
  return 'record' in verification ? verification.record : undefined
}

function wallMs(time: number | undefined, { toWall }: Context['services']): number | null {
  return time === undefined ? null : Math.floor(toWall(time))
}
