import { responsePathAsArray } from 'graphql'
import type { TokenSet } from '../login/token-set.ts'
import type { TokenRecord } from '../tokens/record.ts'
import { secondsLeft } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { ask, issuedTokenOf, recordIn } from './token-answers.ts'

export const TokenSetRef = builder.objectRef<TokenSet>('TokenSet')

TokenSetRef.implement({
  description:
    "The tokens from a login or a refresh. Store them where only your app or your server can read them. If LINE's answer did not contain the scopes or the lifetime, the gateway verifies the access token to get them. If that fails, `scopes` is empty and there is an error beside the tokens, or `expiresIn` is 0.",
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'The access token. Send it as `Authorization: Bearer …` with every request.',
    }),
    tokenType: t.exposeString('tokenType', { description: 'How to send the access token: always `Bearer`.' }),
    expiresIn: t.int({
      description:
        'The lifetime of the access token in seconds, at the time LINE issued it: 30 days, or 12 hours for LIFF.',
      resolve: async (tokens, _, context) => {
        if (tokens.expiresIn !== null) return tokens.expiresIn
        const record = await verified(tokens, context)
        return record === undefined ? 0 : secondsLeft(record, context.services.now())
      },
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the access token expires. Refresh it before that.',
      resolve: async (tokens, _, context) => {
        const expiresAt = tokens.expiresAt ?? (await verified(tokens, context))?.expiresAt ?? context.services.now()
        return Math.floor(context.services.toWall(expiresAt))
      },
    }),
    refreshToken: t.exposeString('refreshToken', {
      nullable: true,
      description:
        'The refresh token, for the mutation `refreshToken`. It is valid for up to 90 days after the login, and a refresh does not extend that. Always store the latest one. Null if LINE issues none, as for LIFF.',
    }),
    scopes: t.stringList({
      description: 'The scopes that the user has granted.',
      resolve: async (tokens, _, context, info) => {
        const report = (error: unknown) => context.addError(error, responsePathAsArray(info.path))
        return [...(tokens.scopes ?? (await verified(tokens, context, report))?.scopes ?? [])]
      },
    }),
  }),
})

/** The facts that LINE's token answer did not contain. A failure must not hide the tokens. */
async function verified(
  tokens: TokenSet,
  context: Context,
  report: (error: unknown) => void = () => {},
): Promise<TokenRecord | undefined> {
  try {
    return recordIn(await ask(issuedTokenOf(tokens, context), 'verification', context))
  } catch (error) {
    report(error)
    return undefined
  }
}
