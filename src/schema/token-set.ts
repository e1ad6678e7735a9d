import type { TokenSet } from '../login/token-set.ts'
import { builder } from './builder.ts'

export const TokenSetRef = builder.objectRef<TokenSet>('TokenSet')

TokenSetRef.implement({
  description: 'The tokens from a login or a refresh. Store them where only your app or your server can read them.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'The access token. Send it as `Authorization: Bearer …` with every request.',
    }),
    tokenType: t.exposeString('tokenType', { description: 'How to send the access token: always `Bearer`.' }),
    expiresIn: t.exposeInt('expiresIn', {
      description:
        'The lifetime of the access token in seconds, at the time LINE issued it: 30 days, or 12 hours for LIFF.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the access token expires. Refresh it before that.',
      resolve: ({ expiresAt }, _, { services }) => Math.floor(services.toWall(expiresAt)),
    }),
    refreshToken: t.exposeString('refreshToken', {
      nullable: true,
      description:
        'The refresh token, for the mutation `refreshToken`. It is valid for up to 90 days after the login, and a refresh does not extend that. Always store the latest one. Null if LINE issues none, as for LIFF.',
    }),
    scopes: t.stringList({
      description: 'The scopes that the user has granted.',
      resolve: ({ scopes }) => [...scopes],
    }),
  }),
})
