import type { ApiToken } from '../login/api-tokens.ts'
import type { Credential } from '../tokens/credentials.ts'
import type { Invalid } from '../tokens/token-resolver.ts'
import { builder } from './builder.ts'
import { BadUserInput, badIdToken, Forbidden, Unauthenticated } from './errors.ts'
import { whenAnswered } from './token-answers.ts'
import { ViewerRef } from './viewer.ts'

const ApiTokenRef = builder.objectRef<ApiToken>('ApiToken').implement({
  description:
    'A JWT (RFC 9068) that your own services verify by themselves, with the keys that this gateway publishes. Its `sub` is the LINE user ID, its `client_id` the LINE Login channel. It contains no name and no picture.',
  fields: (t) => ({
    token: t.exposeString('token', {
      description: 'The JWT. Send it to your own services as "Authorization: Bearer …". This gateway refuses it.',
    }),
    tokenType: t.string({ description: 'The type of the token: always `Bearer`.', resolve: () => 'Bearer' }),
    audience: t.exposeString('audience', {
      description: 'The service that the token is for, as in its claim `aud`. Other services must refuse it.',
    }),
    expiresIn: t.int({
      description:
        'Seconds until the token expires. Never longer than the token of LINE. A logout does not end it earlier.',
      resolve: ({ expiresAt }, _, { services }) =>
        Math.max(Math.floor((expiresAt - services.toWall(services.now())) / 1_000), 0),
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the token expires, as in its claim `exp`.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
})

builder.objectField(ViewerRef, 'apiToken', (t) =>
  t.field({
    type: ApiTokenRef,
    nullable: true,
    description:
      'A JWT that your own services verify by themselves. Null with an error: `MISCONFIGURED` if this gateway has no signing keys, `FORBIDDEN` if the token has neither the scope `profile` nor `openid`. The same token is returned while more than half of its life is left.',
    args: {
      audience: t.arg.string({
        description: 'The service that the token is for: one of `API_AUDIENCES`. Default: the first of them.',
      }),
    },
    resolve: ({ credential }, { audience }, context) => {
      const { apiTokens, credentials, noSigningKey } = context.services
      if (apiTokens === undefined) throw noSigningKey()
      const chosen = apiTokens.audienceOf(audience ?? undefined)
      if (chosen === undefined) throw new BadUserInput('audience', 'is not one that this gateway issues tokens for')
      return whenAnswered(credentials.identify(credential, context), (identity) => {
        if (identity.verdict === 'invalid') throw refused(credential, identity)
        if (identity.verdict === 'unknown') throw identity.outage
        const { userId } = identity
        // Nobody tells the user of a token without `profile` and `openid`. The second one asks less of the user.
        if (userId === undefined) throw new Forbidden('openid')
        return apiTokens.tokenFor({ ...identity, userId }, chosen)
      })
    },
  }),
)

function refused(credential: Credential, answer: Invalid): Error {
  const { reason } = answer
  return 'idToken' in credential ? badIdToken(reason) : new Unauthenticated(reason, answer)
}
