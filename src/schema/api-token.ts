import type { ApiToken } from '../login/api-tokens.ts'
import type { Identity } from '../tokens/credentials.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { BadUserInput, Forbidden, Unauthenticated } from './errors.ts'
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
      const identity = credentials.identify(credential, context)
      return identity instanceof Promise
        ? identity.then((settled) => tokenOf(settled, chosen, context))
        : tokenOf(identity, chosen, context)
    },
  }),
)

/** A credential whose user nobody tells has neither of the two scopes. `openid` is the smaller one. */
function tokenOf(identity: Identity, audience: string, { services }: Context): ApiToken | Promise<ApiToken> {
  if (identity.verdict === 'invalid') throw new Unauthenticated(identity.reason, identity.lineRequestId)
  if (identity.verdict === 'unknown') throw identity.outage
  const { userId } = identity
  if (userId === undefined) throw new Forbidden('openid')
  if (services.apiTokens === undefined) throw services.noSigningKey()
  return services.apiTokens.tokenFor({ ...identity, userId }, audience)
}
