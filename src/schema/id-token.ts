import type { IdTokenClaims } from '../line/id-token.ts'
import { assertNonce } from './argument-rules.ts'
import { builder } from './builder.ts'
import { channelIdDescription, channelOf } from './channel.ts'

export const IdTokenClaimsRef = builder.objectRef<IdTokenClaims>('IdTokenClaims')

IdTokenClaimsRef.implement({
  description:
    'The claims of an ID token whose signature, issuer, audience, expiry and nonce were checked. They tell who logged in at that moment; LINE issues an ID token at login only.',
  fields: (t) => ({
    iss: t.exposeString('iss', { description: 'Who issued it: `https://access.line.me`.' }),
    sub: t.exposeID('sub', { description: 'The LINE user ID of who logged in.' }),
    aud: t.exposeID('aud', { description: 'The channel it was issued for.' }),
    exp: t.field({
      type: 'DateTime',
      description: 'When it expires: an hour after the login.',
      resolve: ({ exp }) => exp * 1_000,
    }),
    iat: t.field({ type: 'DateTime', description: 'When it was issued.', resolve: ({ iat }) => iat * 1_000 }),
    authTime: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the user proved who they are; given where `maxAge` was asked for.',
      resolve: ({ authTime }) => (authTime === null ? null : authTime * 1_000),
    }),
    nonce: t.exposeString('nonce', { nullable: true, description: 'The nonce of the login.' }),
    amr: t.stringList({
      nullable: true,
      description: 'How the user proved it: `pwd`, `lineautologin`, `lineqr`, `linesso`, `mfa`.',
      resolve: ({ amr }) => (amr === null ? null : [...amr]),
    }),
    name: t.exposeString('name', { nullable: true, description: 'The display name; given with the scope `profile`.' }),
    picture: t.exposeString('picture', {
      nullable: true,
      description: 'The address of the profile picture; given with the scope `profile`.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description:
        'The e-mail address, where the channel may ask for it and the user allowed it. LINE does not say that it is verified.',
    }),
  }),
})

const VerifyIdTokenInput = builder.inputType('VerifyIdTokenInput', {
  description: 'An ID token, and what its client kept from the login.',
  fields: (t) => ({
    idToken: t.string({ required: true, description: 'The ID token as LINE issued it: a signed JWT.' }),
    nonce: t.string({
      description:
        'The nonce of the login, compared with that of the token. A nonce that `startLogin` made must be given, and is good once.',
    }),
    channelId: t.id({ description: channelIdDescription }),
  }),
})

builder.queryField('verifyIdToken', (t) =>
  t.field({
    type: IdTokenClaimsRef,
    nullable: true,
    description:
      'The claims of an ID token, checked here without asking LINE. Null with the error `INVALID_ID_TOKEN` when it cannot be believed; `reason` says why.',
    args: { input: t.arg({ type: VerifyIdTokenInput, required: true, description: 'The ID token to check.' }) },
    resolve: (_, { input }, context) => {
      assertNonce(input.nonce)
      const channel = input.channelId == null ? undefined : channelOf(context, input.channelId)
      return context.services.idTokens.verify(input.idToken, { nonce: input.nonce ?? undefined, channel })
    },
  }),
)
