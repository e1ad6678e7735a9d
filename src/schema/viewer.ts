import type { Subject, TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import { AccessTokenRef } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { Forbidden } from './errors.ts'
import { selectedFields } from './selection.ts'
import { ask, bearerOf, recordIn, whenAnswered } from './token-answers.ts'

/** The user of a token. The record holds the facts that were read with this token. */
export type Viewer = { readonly token: AccessToken; readonly record: TokenRecord }

const PictureSize = builder.enumType('PictureSize', {
  description: 'The size of a profile picture.',
  values: {
    ORIGINAL: { description: 'As the user uploaded it.' },
    LARGE: { description: '200 by 200 pixels.' },
    SMALL: { description: '51 by 51 pixels.' },
  },
})

export const ViewerRef = builder.objectRef<Viewer>('Viewer')

ViewerRef.implement({
  description: 'A LINE user, as far as the scopes of the token allow. Always the main profile, never a sub-profile.',
  fields: (t) => ({
    id: t.id({
      description:
        'The LINE user ID: `U` and 32 hexadecimal digits. It never changes and is the same in all channels of one provider. Identify users by this ID only. Needs the scope `profile` or `openid`.',
      resolve: ({ record }) => record.userId ?? missingScope('openid'),
    }),
    displayName: t.string({
      description:
        'The display name. It can change at any time and can contain any character. Needs the scope `profile`.',
      resolve: ({ record }) => profileIn(record).displayName,
    }),
    pictureUrl: t.string({
      nullable: true,
      description: 'The HTTPS URL of the profile picture. Null if there is none. Needs the scope `profile`.',
      args: {
        size: t.arg({ type: PictureSize, defaultValue: 'ORIGINAL', description: 'The size of the picture.' }),
      },
      resolve: ({ record }, { size }) => {
        const { pictureUrl } = profileIn(record)
        return pictureUrl === null || !size ? pictureUrl : pictureUrl + suffixes[size]
      },
    }),
    statusMessage: t.string({
      nullable: true,
      description:
        'The status message, which LINE shows below the name. Null if there is none. Needs the scope `profile`.',
      resolve: ({ record }) => profileIn(record).statusMessage,
    }),
    isFriend: t.boolean({
      nullable: true,
      description:
        'Whether the user is a friend of the linked LINE Official Account and has not blocked it. Null if no account is linked to the channel. Needs the scope `profile`.',
      resolve: ({ token }, _, context) =>
        whenAnswered(ask(token, 'friendship', context), (answer) => friendshipIn(recordIn(answer)).isFriend),
    }),
    accessToken: t.field({
      type: AccessTokenRef,
      description: 'Facts about the access token, as LINE verified it.',
      resolve: ({ record }) => record,
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    nullable: true,
    description:
      "The LINE user of the request's Bearer token. Null with an error: `UNAUTHENTICATED` if the token is missing or invalid, `FORBIDDEN` if a scope is missing, `LINE_UNAVAILABLE` if LINE did not answer. In the last case the token may be valid: try again later.",
    resolve: (_, __, context, info) => viewerOf(bearerOf(context), selectedFields(info), context),
  }),
)

/** The user of a token, with everything that the selected fields need. LINE is called for nothing else. */
export function viewerOf(token: AccessToken, fields: ReadonlySet<string>, context: Context): Viewer | Promise<Viewer> {
  if (profileFields.some((name) => fields.has(name))) return readViewer(token, 'profile', context)
  if (fields.has('id')) return identifyViewer(token, context)
  return readViewer(token, 'verification', context)
}

const profileFields = ['displayName', 'pictureUrl', 'statusMessage']
const suffixes = { ORIGINAL: '', LARGE: '/large', SMALL: '/small' }

/** The user ID alone comes from the profile or, for a token without the scope `profile`, from userinfo. */
function identifyViewer(token: AccessToken, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(ask(token, 'verification', context), (answer) => {
    const { scopes } = recordIn(answer)
    if (scopes.includes('profile')) return readViewer(token, 'profile', context)
    if (scopes.includes('openid')) return readViewer(token, 'userinfo', context)
    return missingScope('openid')
  })
}

function readViewer(token: AccessToken, subject: Subject, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(ask(token, subject, context), (answer) => {
    const record = recordIn(answer)
    if (subject === 'profile') profileIn(record)
    return { token, record }
  })
}

function profileIn(record: TokenRecord) {
  return record.profile ?? missingScope('profile')
}

function friendshipIn(record: TokenRecord) {
  return record.friendship ?? missingScope('profile')
}

/** The token is valid but its record does not have the requested facts: then the token does not have the scope for them. */
function missingScope(scope: string): never {
  throw new Forbidden(scope)
}
