import type { TokenRecord } from '../tokens/record.ts'
import { builder } from './builder.ts'

export const AccessTokenRef = builder.objectRef<TokenRecord>('AccessToken')

AccessTokenRef.implement({
  description: 'Facts about an access token, as LINE verified it. The token itself is never returned.',
  fields: (t) => ({
    channelId: t.id({
      description: 'The LINE Login channel that the token was issued for. Always a channel of this gateway.',
      resolve: ({ channelId }) => channelId,
    }),
    scopes: t.stringList({
      description:
        'The scopes that the user has granted, for example `profile` and `openid`. LINE never lists `email` here.',
      resolve: ({ scopes }) => [...scopes],
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the token expires. It can be revoked earlier.',
      resolve: ({ expiresAt }, _, { services }) => Math.floor(services.toWall(expiresAt)),
    }),
    expiresIn: t.int({
      description: 'Seconds until the token expires.',
      resolve: (record, _, { services }) => secondsLeft(record, services.now()),
    }),
    verifiedAt: t.field({
      type: 'DateTime',
      description: 'When LINE last confirmed that the token is valid.',
      resolve: ({ verifiedAt }, _, { services }) => Math.floor(services.toWall(verifiedAt)),
    }),
  }),
})

export function secondsLeft({ expiresAt }: TokenRecord, now: number): number {
  return Math.max(Math.floor((expiresAt - now) / 1_000), 0)
}
