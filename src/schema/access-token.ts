import type { TokenRecord } from '../tokens/record.ts'
import { builder } from './builder.ts'

export const AccessTokenRef = builder.objectRef<TokenRecord>('AccessToken')

AccessTokenRef.implement({
  description: 'What LINE says about an access token. The token itself is never shown.',
  fields: (t) => ({
    channelId: t.id({
      description: 'The LINE Login channel it was issued for, always one of ours.',
      resolve: ({ channelId }) => channelId,
    }),
    scopes: t.stringList({
      description: 'What the user has permitted: `profile`, `openid` and others. LINE never lists `email` here.',
      resolve: ({ scopes }) => [...scopes],
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it stops to work, unless it is revoked before.',
      resolve: ({ expiresAt }) => Math.floor(expiresAt),
    }),
    expiresIn: t.int({
      description: 'Seconds until then.',
      resolve: (record, _, { services }) => secondsLeft(record, services.now()),
    }),
    verifiedAt: t.field({
      type: 'DateTime',
      description: 'When LINE last proved it alive.',
      resolve: ({ verifiedAt }) => Math.floor(verifiedAt),
    }),
  }),
})

export function secondsLeft({ expiresAt }: TokenRecord, now: number): number {
  return Math.max(Math.floor((expiresAt - now) / 1_000), 0)
}
