import type { Driver, Need } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'
import { deniedBy, textIn, typesOf } from './reading.ts'

const resources = [
  { endpoint: 'profile', path: '/v2/profile', source: at('REF', '#get-user-profile'), poorer: 'openidToken' },
  { endpoint: 'userinfo', path: '/oauth2/v2.1/userinfo', source: at('REF', '#userinfo'), poorer: 'profileToken' },
  {
    endpoint: 'friendship',
    path: '/friendship/v1/status',
    source: at('REF', '#get-friendship-status'),
    poorer: 'openidToken',
  },
] as const

/** What the three refuse alike. LINE documents the statuses, and the bodies nowhere. */
const refusals: readonly Check[] = resources.flatMap(({ endpoint, path, source, poorer }): Check[] => {
  const refused = (
    id: string,
    status: number,
    says: string,
    needs: readonly Need[],
    token: (line: Driver) => string | Promise<string>,
  ): Check => ({
    id: `${endpoint}.${id}-${status}`,
    endpoint,
    says,
    source: status === 403 ? at('REF', '#status-codes') : source,
    tag: 'S',
    needs,
    expected: { status, hasMessage: true },
    run: async (line) => deniedBy(await line.getAs(await token(line), path)),
  })
  return [
    refused('garbage', 401, 'What is no token is refused with 401.', [], () => 'garbage'),
    refused('expired', 401, 'An expired token is refused with 401.', ['expiredToken'], (line) =>
      line.hold('expiredToken'),
    ),
    refused('revoked', 401, 'A revoked token is refused with 401.', ['revokedToken'], (line) =>
      line.hold('revokedToken'),
    ),
    refused('scope', 403, 'A token without the scope is refused with 403.', [poorer], (line) => line.hold(poorer)),
    refused('channel-token', 403, 'A channel access token is refused with 403.', ['channel', 'secret'], issued),
    {
      id: `${endpoint}.no-bearer-401`,
      endpoint,
      says: 'Without a token it is 401.',
      source: at('REF', '#status-codes'),
      tag: 'D',
      needs: [],
      expected: { status: 401 },
      run: async (line) => ({ status: (await line.get(path)).status }),
    },
  ]
})

async function issued(line: Driver): Promise<string> {
  const client = { client_id: line.hold('channel'), client_secret: line.hold('secret') }
  const { body } = await line.post('/oauth2/v3/token', { grant_type: 'client_credentials', ...client })
  return textIn(body, 'access_token')
}

/** Texts as LINE's MINI App reference and SDK tests have them: the best guess for what the three say. */
const texts: readonly Check[] = (
  [
    ['expired', 'expiredToken', 'The access token expired'],
    ['revoked', 'revokedToken', 'The access token revoked'],
  ] as const
).map(([id, need, message]) => ({
  id: `profile.${id}-text`,
  endpoint: 'profile',
  says: `The refusal reads "${message}".`,
  source: at('MINI'),
  tag: 'I',
  needs: [need],
  expected: { message },
  run: async (line) => ({ message: (await line.getAs(line.hold(need), '/v2/profile')).body.message }),
}))

const profile = { endpoint: 'profile', source: at('REF', '#get-user-profile'), tag: 'D' } as const
const userinfo = { endpoint: 'userinfo', source: at('REF', '#userinfo'), tag: 'D' } as const
const friendship = { endpoint: 'friendship', source: at('REF', '#get-friendship-status'), tag: 'D' } as const

export const resourceChecks: readonly Check[] = [
  {
    ...profile,
    id: 'profile.answer',
    says: 'The profile names the user.',
    needs: ['accessToken'],
    expected: { status: 200, userId: 'string', displayName: 'string' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('accessToken'), '/v2/profile')
      return { status, ...typesOf(body, 'userId', 'displayName') }
    },
  },
  {
    ...profile,
    id: 'profile.user-id',
    says: 'A user ID is U and 32 hexadecimal digits in lower case.',
    source: at('USERID'),
    needs: ['accessToken'],
    expected: { wellFormed: true },
    run: async (line) => {
      const { body } = await line.getAs(line.hold('accessToken'), '/v2/profile')
      return { wellFormed: /^U[0-9a-f]{32}$/.test(String(body.userId)) }
    },
  },
  {
    ...profile,
    id: 'profile.picture',
    says: 'The picture has an https address to which /large and /small can be appended: no query, no fragment.',
    needs: ['accessToken'],
    expected: { appendable: true },
    run: async (line) => {
      const { body } = await line.getAs(line.hold('accessToken'), '/v2/profile')
      return { appendable: /^https:\/\/[^?#]+[^/?#]$/.test(String(body.pictureUrl)) }
    },
  },
  {
    ...profile,
    id: 'profile.unset-absent',
    says: 'What a user has not set is absent, neither null nor empty.',
    needs: ['bareToken'],
    expected: { status: 200, pictureUrl: false, statusMessage: false },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('bareToken'), '/v2/profile')
      return { status, pictureUrl: 'pictureUrl' in body, statusMessage: 'statusMessage' in body }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.answer',
    says: 'Userinfo names the user, with name and picture where `profile` was granted.',
    needs: ['accessToken'],
    expected: { status: 200, sub: 'string', name: 'string', picture: 'string' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('accessToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'sub', 'name', 'picture') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.post',
    says: 'Userinfo can be asked with POST as well.',
    needs: ['accessToken'],
    expected: { status: 200, sub: 'string' },
    run: async (line) => {
      const authorization = `Bearer ${line.hold('accessToken')}`
      const { status, body } = await line.post('/oauth2/v2.1/userinfo', {}, { authorization })
      return { status, ...typesOf(body, 'sub') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.openid-alone',
    says: 'With `openid` alone it is the user ID and nothing else about the user.',
    needs: ['openidToken'],
    expected: { status: 200, sub: 'string', name: 'undefined', picture: 'undefined' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('openidToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'sub', 'name', 'picture') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.no-email',
    says: 'There is never an e-mail address or a status message.',
    needs: ['emailToken'],
    expected: { status: 200, email: 'undefined', statusMessage: 'undefined' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('emailToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'email', 'statusMessage') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.same-user',
    says: 'Userinfo and profile name the same user.',
    needs: ['accessToken'],
    expected: { same: true },
    run: async (line) => {
      const { body } = await line.getAs(line.hold('accessToken'), '/oauth2/v2.1/userinfo')
      const { body: own } = await line.getAs(line.hold('accessToken'), '/v2/profile')
      return { same: typeof body.sub === 'string' && body.sub === own.userId }
    },
  },
  {
    ...friendship,
    id: 'friendship.answer',
    says: 'Whether the user is a friend of the linked official account is true or false.',
    needs: ['accessToken'],
    expected: { status: 200, friendFlag: 'boolean' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('accessToken'), '/friendship/v1/status')
      return { status, ...typesOf(body, 'friendFlag') }
    },
  },
  {
    ...friendship,
    id: 'friendship.no-account-400',
    says: 'A channel that no official account is linked to gets 400.',
    source: at('LIFFREF', '#get-friendship'),
    needs: ['unlinkedToken'],
    expected: { status: 400, message: 'There is no login bot linked to this channel.' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.hold('unlinkedToken'), '/friendship/v1/status')
      return { status, message: body.message }
    },
  },
  ...refusals,
  ...texts,
]
