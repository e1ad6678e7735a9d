/** What the home page says about a control endpoint. `examples`: one `curl` each. */
export type Guide = {
  readonly does: string
  /** The members of the body. Absent: it has none. */
  readonly body?: string
  readonly examples: readonly Example[]
}

/**
 * `name` fills the `*` of the path. `body` is JSON. USER_ID, CHANNEL_ID and LIFF_CHANNEL_ID become those of the first demo
 * user and channels.
 */
export type Example = { readonly says: string; readonly name?: string; readonly body?: string }

export type ControlName = keyof typeof controls

/** The control endpoints by method and path, in the order of the home page. `control.ts` has one handler for each. */
export const controls = {
  'POST tokens': {
    does: 'Gives you tokens without a login. The answer says whose they are.',
    body: 'All optional: userId, channelId, scope, expiresIn (s), es256, nonce, authTime (epoch s), amr. Without them: the first user and channel.',
    examples: [
      { says: 'A token that expires in 2 seconds: the way to see an expiry', body: '{"expiresIn":2}' },
      { says: 'Tokens of the first user and channel' },
      { says: 'An ID token with the signature of apps and LIFF', body: '{"es256":true}' },
      {
        says: 'Of a channel, a user and a scope',
        body: '{"channelId":"LIFF_CHANNEL_ID","userId":"USER_ID","scope":"openid"}',
      },
    ],
  },
  'POST tokens/expire': {
    does: 'Makes access tokens expire now.',
    body: 'accessToken: one token. Or userId: all access tokens of that user.',
    examples: [{ says: 'All access tokens of a user', body: '{"userId":"USER_ID"}' }],
  },
  'POST tokens/revoke': {
    does: 'Revokes access tokens. The gateway is not told. The refresh tokens still work.',
    body: 'accessToken: one token. Or userId: all access tokens of that user.',
    examples: [{ says: 'All access tokens of a user', body: '{"userId":"USER_ID"}' }],
  },
  'POST users/*/unlink': {
    does: 'The user removes the app in the LINE app: all codes, tokens and the consent end at once. The gateway is not told.',
    body: 'channelId: this channel only. Without it: all channels.',
    examples: [
      { says: 'From all channels', name: 'USER_ID' },
      { says: 'From one channel', name: 'USER_ID', body: '{"channelId":"CHANNEL_ID"}' },
    ],
  },
  'POST signing-key/rotate': {
    does: 'LINE signs new ID tokens (ES256) with a new key. The old keys stay published.',
    examples: [{ says: 'A new key' }],
  },
  'POST clock': {
    does: 'Moves the clock forward, so that tokens expire. The gateway of the command dev follows it; another gateway does not.',
    body: 'advanceMs: how far, in ms.',
    examples: [{ says: 'One minute', body: '{"advanceMs":60000}' }],
  },
  'GET faults': { does: 'Shows the faults that are set, by endpoint.', examples: [{ says: 'All faults' }] },
  'PUT faults': {
    does: 'Replaces all faults. If one of them is wrong, nothing changes.',
    body: 'A fault for each endpoint.',
    examples: [{ says: 'Two endpoints fail', body: '{"token":{"status":500},"profile":{"latencyMs":2000}}' }],
  },
  'DELETE faults': { does: 'Ends all faults.', examples: [{ says: 'LINE is well again' }] },
  'GET faults/*': {
    does: 'Shows the fault of an endpoint, or null.',
    examples: [{ says: 'The fault of the profile', name: 'profile' }],
  },
  'PUT faults/*': {
    does: 'An endpoint of LINE fails from now on. The name * means all endpoints that have no fault of their own.',
    body: 'One kind of fault, see below. With times it ends after that number of calls.',
    examples: [
      { says: 'LINE is down', name: '*', body: '{"status":500}' },
      { says: 'LINE answers 429', name: '*', body: '{"status":429,"headers":{"retry-after":"5"}}' },
      {
        says: 'The next call to verify fails, the ones after it do not',
        name: 'verifyAccessToken',
        body: '{"reset":true,"times":1}',
      },
    ],
  },
  'DELETE faults/*': {
    does: 'Ends the fault of an endpoint.',
    examples: [{ says: 'The one of all endpoints', name: '*' }],
  },
  'GET switches': { does: 'Shows all switches.', examples: [{ says: 'All switches' }] },
  'PUT switches': {
    does: "Chooses what LINE does where its documents are unclear. The defaults are LINE's most probable behaviour.",
    body: 'The switches to change, see below.',
    examples: [{ says: 'Each refresh gives a new refresh token', body: '{"refreshToken":"rotate"}' }],
  },
  'GET calls': {
    does: 'Counts the calls to LINE since the last reset, and shows the last 100. No call shows a token.',
    examples: [{ says: 'All calls so far' }],
  },
  'POST calls/reset': { does: 'Forgets the calls so far.', examples: [{ says: 'Count from 0' }] },
} as const satisfies Readonly<Record<string, Guide>>
