import type { IdTokenClaims } from '../line/id-token.ts'
import { assertNonce } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelOf } from './channel.ts'

export const IdTokenClaimsRef = builder.objectRef<IdTokenClaims>('IdTokenClaims')

IdTokenClaimsRef.implement({
  description:
    'The claims of an ID token whose signature, issuer, audience, times and nonce were checked. They describe the user at the time of the login. LINE issues an ID token only at login, not at a refresh.',
  fields: (t) => ({
    iss: t.exposeString('iss', { description: 'The issuer: always `https://access.line.me`.' }),
    sub: t.exposeID('sub', { description: 'The LINE user ID of the user who logged in.' }),
    aud: t.exposeID('aud', { description: 'The LINE Login channel that the token was issued for.' }),
    exp: t.field({
      type: 'DateTime',
      description: 'When the token expires: one hour after the login.',
      resolve: ({ exp }) => exp * 1_000,
    }),
    iat: t.field({ type: 'DateTime', description: 'When the token was issued.', resolve: ({ iat }) => iat * 1_000 }),
    authTime: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the user authenticated. Null if the login did not set `maxAge`.',
      resolve: ({ authTime }) => (authTime === null ? null : authTime * 1_000),
    }),
    nonce: t.exposeString('nonce', {
      nullable: true,
      description: 'The nonce of the login. Null if the login had none.',
    }),
    amr: t.stringList({
      nullable: true,
      description:
        'How the user authenticated: one or more of `pwd`, `lineautologin`, `lineqr`, `linesso` and `mfa`. Null if LINE does not say.',
      resolve: ({ amr }) => (amr === null ? null : [...amr]),
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'The display name. Null without the scope `profile`.',
    }),
    picture: t.exposeString('picture', {
      nullable: true,
      description: 'The URL of the profile picture. Null without the scope `profile`, or if there is no picture.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description:
        'The email address. Null unless the channel may request it and the user allowed it. LINE does not say that it is verified.',
    }),
  }),
})

const VerifyIdTokenInput = builder.inputType('VerifyIdTokenInput', {
  description: 'An ID token, and the values that its client stored from the login.',
  fields: (t) => ({
    idToken: t.string({
      required: true,
      description: 'The ID token as LINE issued it: a JWT signed with HS256 or ES256, of at most 8,192 characters.',
    }),
    nonce: t.string({
      description:
        'The nonce of the login. The ID token must contain the same one. Required if `startLogin` created it. It is only compared, so the same ID token can be checked again.',
    }),
    channelId: t.id({
      description:
        'The ID of the LINE Login channel that the token must be issued for. Without it, any channel of this gateway is accepted.',
    }),
  }),
})

builder.queryField('verifyIdToken', (t) =>
  t.field({
    type: IdTokenClaimsRef,
    nullable: true,
    description:
      'Checks an ID token and returns its claims. The token is not sent to LINE: LINE is called only for its public keys. Nothing is stored or used up: the same question gets the same answer. Null with the error `INVALID_ID_TOKEN` if a check fails; `reason` says which one.',
    args: { input: t.arg({ type: VerifyIdTokenInput, required: true, description: 'The ID token to check.' }) },
    resolve: (_, { input }, context) => {
      assertNonce(input.nonce)
      const channel = input.channelId == null ? undefined : channelOf(context, input.channelId)
      return context.services.idTokens.verifyGuarded(
        input.idToken,
        { nonce: input.nonce ?? undefined, channel },
        context,
      )
    },
  }),
)
