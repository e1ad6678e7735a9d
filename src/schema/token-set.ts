import type { TokenSet } from '../login/token-set.ts'
import { builder } from './builder.ts'

export const TokenSetRef = builder.objectRef<TokenSet>('TokenSet')

TokenSetRef.implement({
  description: 'What a login or a refresh gives. Keep it where only your app or your server can read it.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'Send it as `Authorization: Bearer …` with every request.',
    }),
    tokenType: t.exposeString('tokenType', { description: 'How to use it: `Bearer`.' }),
    expiresIn: t.exposeInt('expiresIn', {
      description: 'Seconds the access token had left when LINE issued it: 30 days, 12 hours for LIFF.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the access token stops to work. Refresh it before.',
      resolve: ({ expiresAt }) => Math.floor(expiresAt),
    }),
    refreshToken: t.exposeString('refreshToken', {
      nullable: true,
      description:
        'For `refreshToken`, up to 90 days after the login; refreshing does not extend that. Always store the one given last. Null where LINE gives none (LIFF).',
    }),
    scopes: t.stringList({ description: 'What the user has permitted.', resolve: ({ scopes }) => [...scopes] }),
  }),
})
