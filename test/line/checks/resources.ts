import type { Driver, Need } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'
import { deniedBy, textIn, typesOf } from './reading.ts'

const resources = [
  { endpoint: 'profile', path: '/v2/profile', source: at('REF', '#get-user-profile'), lacksScope: 'openidToken' },
  { endpoint: 'userinfo', path: '/oauth2/v2.1/userinfo', source: at('REF', '#userinfo'), lacksScope: 'profileToken' },
  {
    endpoint: 'friendship',
    path: '/friendship/v1/status',
    source: at('REF', '#get-friendship-status'),
    lacksScope: 'openidToken',
  },
] as const

/** The refusals that the three endpoints share. LINE documents the statuses, but not the bodies. */
const refusals: readonly Check[] = resources.flatMap(({ endpoint, path, source, lacksScope }): Check[] => {
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
    refused('garbage', 401, 'LINE refuses a text that is not a token with 401.', [], () => 'garbage'),
    refused('expired', 401, 'LINE refuses an expired token with 401.', ['expiredToken'], (line) =>
      line.credential('expiredToken'),
    ),
    refused('revoked', 401, 'LINE refuses a revoked token with 401.', ['revokedToken'], (line) =>
      line.credential('revokedToken'),
    ),
    refused('scope', 403, 'LINE refuses a token without the scope with 403.', [lacksScope], (line) =>
      line.credential(lacksScope),
    ),
    refused('channel-token', 403, 'LINE refuses a channel access token with 403.', ['channel', 'secret'], issued),
    {
      id: `${endpoint}.no-bearer-401`,
      endpoint,
      says: 'LINE refuses a request without a token with 401.',
      source: at('REF', '#status-codes'),
      tag: 'D',
      needs: [],
      expected: { status: 401 },
      run: async (line) => ({ status: (await line.get(path)).status }),
    },
  ]
})

async function issued(line: Driver): Promise<string> {
  const client = { client_id: line.credential('channel'), client_secret: line.credential('secret') }
  const { body } = await line.post('/oauth2/v3/token', { grant_type: 'client_credentials', ...client })
  return textIn(body, 'access_token')
}

/** Texts from LINE's MINI App reference and SDK tests: the best guess for the texts of the three endpoints. */
const texts: readonly Check[] = (
  [
    ['expired', 'expiredToken', 'The access token expired'],
    ['revoked', 'revokedToken', 'The access token revoked'],
  ] as const
).map(([id, need, message]) => ({
  id: `profile.${id}-text`,
  endpoint: 'profile',
  says: `The text of the refusal is "${message}".`,
  source: at('MINI'),
  tag: 'I',
  needs: [need],
  expected: { message },
  run: async (line) => ({ message: (await line.getAs(line.credential(need), '/v2/profile')).body.message }),
}))

const profile = { endpoint: 'profile', source: at('REF', '#get-user-profile'), tag: 'D' } as const
const userinfo = { endpoint: 'userinfo', source: at('REF', '#userinfo'), tag: 'D' } as const
const friendship = { endpoint: 'friendship', source: at('REF', '#get-friendship-status'), tag: 'D' } as const

export const resourceChecks: readonly Check[] = [
  {
    ...profile,
    id: 'profile.answer',
    says: 'The profile has the user ID and the display name.',
    needs: ['accessToken'],
    expected: { status: 200, userId: 'string', displayName: 'string' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('accessToken'), '/v2/profile')
      return { status, ...typesOf(body, 'userId', 'displayName') }
    },
  },
  {
    ...profile,
    id: 'profile.user-id',
    says: 'A user ID is `U` and 32 hexadecimal digits in lower case.',
    source: at('USERID'),
    needs: ['accessToken'],
    expected: { wellFormed: true },
    run: async (line) => {
      const { body } = await line.getAs(line.credential('accessToken'), '/v2/profile')
      return { wellFormed: /^U[0-9a-f]{32}$/.test(String(body.userId)) }
    },
  },
  {
    ...profile,
    id: 'profile.picture',
    says: 'The picture is an https URL without query and fragment, so /large and /small can be appended.',
    needs: ['accessToken'],
    expected: { appendable: true },
    run: async (line) => {
      const { body } = await line.getAs(line.credential('accessToken'), '/v2/profile')
      return { appendable: /^https:\/\/[^?#]+[^/?#]$/.test(String(body.pictureUrl)) }
    },
  },
  {
    ...profile,
    id: 'profile.unset-absent',
    says: 'A value that the user has not set is absent, neither null nor empty.',
    needs: ['bareToken'],
    expected: { status: 200, pictureUrl: false, statusMessage: false },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('bareToken'), '/v2/profile')
      return { status, pictureUrl: 'pictureUrl' in body, statusMessage: 'statusMessage' in body }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.answer',
    says: 'Userinfo has the user ID, and with the scope `profile` also name and picture.',
    needs: ['accessToken'],
    expected: { status: 200, sub: 'string', name: 'string', picture: 'string' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('accessToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'sub', 'name', 'picture') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.post',
    says: 'Userinfo accepts POST too.',
    needs: ['accessToken'],
    expected: { status: 200, sub: 'string' },
    run: async (line) => {
      const authorization = `Bearer ${line.credential('accessToken')}`
      const { status, body } = await line.post('/oauth2/v2.1/userinfo', {}, { authorization })
      return { status, ...typesOf(body, 'sub') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.openid-alone',
    says: 'With only the scope `openid`, userinfo has nothing but the user ID.',
    needs: ['openidToken'],
    expected: { status: 200, sub: 'string', name: 'undefined', picture: 'undefined' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('openidToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'sub', 'name', 'picture') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.no-email',
    says: 'Userinfo never has an email address or a status message.',
    needs: ['emailToken'],
    expected: { status: 200, email: 'undefined', statusMessage: 'undefined' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('emailToken'), '/oauth2/v2.1/userinfo')
      return { status, ...typesOf(body, 'email', 'statusMessage') }
    },
  },
  {
    ...userinfo,
    id: 'userinfo.same-user',
    says: 'Userinfo and profile have the same user ID.',
    needs: ['accessToken'],
    expected: { same: true },
    run: async (line) => {
      const { body } = await line.getAs(line.credential('accessToken'), '/oauth2/v2.1/userinfo')
      const { body: own } = await line.getAs(line.credential('accessToken'), '/v2/profile')
      return { same: typeof body.sub === 'string' && body.sub === own.userId }
    },
  },
  {
    ...friendship,
    id: 'friendship.answer',
    says: 'Friendship says true or false: whether the user is a friend of the linked official account.',
    needs: ['accessToken'],
    expected: { status: 200, friendFlag: 'boolean' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('accessToken'), '/friendship/v1/status')
      return { status, ...typesOf(body, 'friendFlag') }
    },
  },
  {
    ...friendship,
    id: 'friendship.no-account-400',
    says: 'For a channel without a linked official account LINE answers 400.',
    source: at('LIFFREF', '#get-friendship'),
    needs: ['unlinkedToken'],
    expected: { status: 400, message: 'There is no login bot linked to this channel.' },
    run: async (line) => {
      const { status, body } = await line.getAs(line.credential('unlinkedToken'), '/friendship/v1/status')
      return { status, message: body.message }
    },
  },
  ...refusals,
  ...texts,
]
