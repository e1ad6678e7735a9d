import type { IdTokenClaims } from '../line/id-token.ts'
import type { Credential, IdToken } from '../tokens/credentials.ts'
import type { Subject, TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import { AccessTokenRef } from './access-token.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { Forbidden } from './errors.ts'
import { selectedFields } from './selection.ts'
import { ask, bearerOf, claimsOf, recordIn, whenAnswered } from './token-answers.ts'

/** The user of a credential, with the facts that were read with it: LINE's answers, or the claims of an ID token. */
export type Viewer =
  | { readonly credential: AccessToken; readonly record: TokenRecord }
  | { readonly credential: IdToken; readonly claims: IdTokenClaims }

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
  description:
    'A LINE user, as far as the scopes of the token allow. With an ID token: as the user was at the login. Always the main profile, never a sub-profile.',
  fields: (t) => ({
    id: t.id({
      description:
        'The LINE user ID: `U` and 32 hexadecimal digits. It never changes and is the same in all channels of one provider. Identify users by this ID only. Needs the scope `profile` or `openid`.',
      resolve: (viewer) => ('claims' in viewer ? viewer.claims.sub : (viewer.record.userId ?? missingScope('openid'))),
    }),
    displayName: t.string({
      description:
        'The display name. It can change at any time and can contain any character. Needs the scope `profile`.',
      resolve: (viewer) => ('claims' in viewer ? nameIn(viewer.claims) : profileIn(viewer.record).displayName),
    }),
    pictureUrl: t.string({
      nullable: true,
      description: 'The HTTPS URL of the profile picture. Null if there is none. Needs the scope `profile`.',
      args: {
        size: t.arg({ type: PictureSize, defaultValue: 'ORIGINAL', description: 'The size of the picture.' }),
      },
      resolve: (viewer, { size }) => {
        const pictureUrl = 'claims' in viewer ? viewer.claims.picture : profileIn(viewer.record).pictureUrl
        return pictureUrl === null || !size ? pictureUrl : pictureUrl + suffixes[size]
      },
    }),
    statusMessage: t.string({
      nullable: true,
      description:
        'The status message, which LINE shows below the name. Null if there is none. Needs the scope `profile`, and an access token.',
      resolve: (viewer) => ('claims' in viewer ? needsAccessToken() : profileIn(viewer.record).statusMessage),
    }),
    isFriend: t.boolean({
      nullable: true,
      description:
        'Whether the user is a friend of the linked LINE Official Account and has not blocked it. Null if no account is linked to the channel. Needs the scope `profile`, and an access token.',
      resolve: (viewer, _, context) =>
        'claims' in viewer
          ? needsAccessToken()
          : whenAnswered(
              ask(viewer.credential, 'friendship', context),
              (answer) => friendshipIn(recordIn(answer)).isFriend,
            ),
    }),
    accessToken: t.field({
      type: AccessTokenRef,
      nullable: true,
      description: 'Facts about the access token, as LINE verified it. Null if the Bearer token is an ID token.',
      resolve: (viewer) => ('claims' in viewer ? null : viewer.record),
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    nullable: true,
    description:
      "The LINE user of the request's Bearer token: an access token, or an ID token of LIFF or an app (ES256). Null with an error: `UNAUTHENTICATED` if the token is missing or invalid, `FORBIDDEN` if a scope is missing, `LINE_UNAVAILABLE` if LINE did not answer. In the last case the token may be valid: try again later.",
    resolve: (_, __, context, info) => viewerOf(bearerOf(context), selectedFields(info), context),
  }),
)

/** The user of a credential, with everything that the selected fields need. LINE is called for nothing else. */
export function viewerOf(
  credential: Credential,
  fields: ReadonlySet<string>,
  context: Context,
): Viewer | Promise<Viewer> {
  if ('idToken' in credential) return readClaims(credential, fields, context)
  if (profileFields.some((name) => fields.has(name))) return readViewer(credential, 'profile', context)
  if (fields.has('id')) return identifyViewer(credential, context)
  return readViewer(credential, 'verification', context)
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

function readViewer(credential: AccessToken, subject: Subject, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(ask(credential, subject, context), (answer) => {
    const record = recordIn(answer)
    if (subject === 'profile') profileIn(record)
    return { credential, record }
  })
}

function readClaims(credential: IdToken, fields: ReadonlySet<string>, context: Context): Viewer | Promise<Viewer> {
  return whenAnswered(claimsOf(credential, context), (claims) => {
    if (fields.has('displayName')) nameIn(claims)
    return { credential, claims }
  })
}

function profileIn(record: TokenRecord) {
  return record.profile ?? missingScope('profile')
}

function friendshipIn(record: TokenRecord) {
  return record.friendship ?? missingScope('profile')
}

/** LINE leaves the name out if the login did not have the scope. */
function nameIn({ name }: IdTokenClaims): string {
  if (name === null) throw new Forbidden('profile', 'ID token')
  return name
}

function needsAccessToken(): never {
  throw new Forbidden(undefined)
}

/** The token is valid but its record does not have the requested facts: then the token does not have the scope for them. */
function missingScope(scope: string): never {
  throw new Forbidden(scope)
}
