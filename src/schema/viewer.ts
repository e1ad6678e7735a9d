import { performance } from 'node:perf_hooks'
import type { Subject, TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer } from '../tokens/token-resolver.ts'
import { AccessTokenRef } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { Forbidden } from './errors.ts'
import { selectedFields } from './selection.ts'
import { bearerOf, recordIn, whenAnswered } from './token-answers.ts'

/** A user, as far as the facts about one of their tokens go. */
export type Viewer = { readonly token: AccessToken; readonly record: TokenRecord }

const PictureSize = builder.enumType('PictureSize', {
  description: 'How large a profile picture is wanted.',
  values: {
    ORIGINAL: { description: 'As the user uploaded it.' },
    LARGE: { description: '200 by 200 pixels.' },
    SMALL: { description: '51 by 51 pixels.' },
  },
})

export const ViewerRef = builder.objectRef<Viewer>('Viewer')

ViewerRef.implement({
  description: 'A LINE user, as their access token lets us see them: the main profile, never a sub-profile.',
  fields: (t) => ({
    id: t.id({
      description:
        'The LINE user ID: `U` and 32 hexadecimal digits, the same in all channels of a provider. The only thing to recognise a user by. Needs the scope `profile` or `openid`.',
      resolve: ({ record }) => record.userId ?? missing('openid'),
    }),
    displayName: t.string({
      description:
        'The name the user shows, which may change at any time and hold any character. Needs the scope `profile`.',
      resolve: ({ record }) => profileIn(record).displayName,
    }),
    pictureUrl: t.string({
      nullable: true,
      description: 'The HTTPS address of the profile picture; null when there is none. Needs the scope `profile`.',
      args: {
        size: t.arg({ type: PictureSize, defaultValue: 'ORIGINAL', description: 'How large a picture is wanted.' }),
      },
      resolve: ({ record }, { size }) => {
        const { pictureUrl } = profileIn(record)
        return pictureUrl === null || !size ? pictureUrl : pictureUrl + suffixes[size]
      },
    }),
    statusMessage: t.string({
      nullable: true,
      description: 'The line below the name in LINE; null when there is none. Needs the scope `profile`.',
      resolve: ({ record }) => profileIn(record).statusMessage,
    }),
    isFriend: t.boolean({
      nullable: true,
      description:
        'Whether the user is a friend of the linked official account and has not blocked it; null when no account is linked to the channel. Needs the scope `profile`.',
      resolve: ({ token }, _, context) =>
        whenAnswered(ask(token, 'friendship', context), (answer) => friendshipIn(recordIn(answer)).isFriend),
    }),
    accessToken: t.field({
      type: AccessTokenRef,
      description: 'The access token itself, as LINE verified it.',
      resolve: ({ record }) => record,
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    nullable: true,
    description:
      "The LINE user of the request's Bearer token. Null with an error: `UNAUTHENTICATED` when the token is no good, `FORBIDDEN` when it lacks a scope, `LINE_UNAVAILABLE` when LINE could not be asked (the token may be fine: try again).",
    resolve: (_, __, context, info) => viewerOf(bearerOf(context), selectedFields(info), context),
  }),
)

/** The user of a token, with all that the selected fields need: LINE is asked for nothing else. */
export function viewerOf(token: AccessToken, fields: ReadonlySet<string>, context: Context): Viewer | Promise<Viewer> {
  if (profileFields.some((name) => fields.has(name))) return readViewer(token, 'profile', context)
  if (fields.has('id')) return identifyViewer(token, context)
  return readViewer(token, 'verification', context)
}

const profileFields = ['displayName', 'pictureUrl', 'statusMessage']
const suffixes = { ORIGINAL: '', LARGE: '/large', SMALL: '/small' }

/** Who it is alone is in the profile or, for a token that may not read that, in userinfo. */
function identifyViewer(token: AccessToken, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(ask(token, 'verification', context), (answer) => {
    const { scopes } = recordIn(answer)
    if (scopes.includes('profile')) return readViewer(token, 'profile', context)
    if (scopes.includes('openid')) return readViewer(token, 'userinfo', context)
    return missing('openid')
  })
}

function readViewer(token: AccessToken, subject: Subject, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(ask(token, subject, context), (answer) => {
    const record = recordIn(answer)
    if (subject === 'profile') profileIn(record)
    return { token, record }
  })
}

function ask(token: AccessToken, subject: Subject, { services, clientAddress }: Context): Answer | Promise<Answer> {
  return services.resolve({ token, subject, clientAddress, since: performance.now() })
}

function profileIn(record: TokenRecord) {
  return record.profile ?? missing('profile')
}

function friendshipIn(record: TokenRecord) {
  return record.friendship ?? missing('profile')
}

/** A good token whose record lacks what was asked for lacks the scope for it. */
function missing(scope: string): never {
  throw new Forbidden(scope)
}
