import { tokenAt } from './tokens.ts'

/** A measured operation, as a client sends it. */
export type Operation = {
  readonly name: string
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

/** The operation that most clients send. */
export const viewerName: Operation = { name: 'displayName', query: '{ viewer { displayName } }' }

export const otherOperations: readonly Operation[] = [
  {
    name: 'variables',
    query: 'query Picture($size: PictureSize) { viewer { pictureUrl(size: $size) } }',
    variables: { size: 'LARGE' },
  },
  {
    name: 'fragments',
    query:
      'query Face { viewer { ...Name ...Picture } } fragment Name on Viewer { id displayName } fragment Picture on Viewer { pictureUrl }',
  },
  {
    name: 'five fields',
    query: '{ viewer { id displayName pictureUrl statusMessage accessToken { expiresAt } } }',
  },
  {
    name: 'verifyAccessToken',
    query:
      'query Verify($accessToken: String!) { verifyAccessToken(accessToken: $accessToken) { active channelId expiresAt } }',
    variables: { accessToken: tokenAt(0) },
  },
]

export function bodyOf({ query, variables }: Operation): string {
  return JSON.stringify({ query, variables })
}
