/** A LINE Login channel. All channels of an emulator belong to one provider, so a user has the same ID in each. */
export type Channel = {
  /** LINE uses 10 digits. */
  id: string
  /** LINE uses 32 hex characters. The bytes of this text are the HS256 key of ID tokens. */
  secret: string
  type: 'web' | 'native' | 'liff'
  /** Registered callback URLs. Absent: each URL counts as registered. */
  callbackUrls?: readonly string[]
  /** Whether an official account is linked to the channel. Default true. */
  linkedBot?: boolean
}

/** A LINE user: `U` + 32 hex. A member that is absent here is absent in LINE's answers too, never null or empty. */
export type User = {
  userId: string
  displayName: string
  pictureUrl?: string
  statusMessage?: string
  email?: string
  /** The user is a friend of the linked official account and does not block it. Default false. */
  isFriend?: boolean
}

export const demoChannels: readonly Channel[] = [
  { id: '2000000001', secret: '5d7c1f0e9b2a48361f4e7a90c3b85d21', type: 'web' },
  { id: '2000000002', secret: 'a9034be7715cd2f86e0b41d79c5f3a68', type: 'native' },
  { id: '2000000003', secret: '0c6e83f15ad94b27b8d2e460f71a935c', type: 'liff' },
]

export const demoUsers: readonly User[] = [
  {
    userId: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f',
    displayName: 'Sakura Tanaka',
    pictureUrl: 'https://profile.line-scdn.net/0h8pWWElvzZ19qLk3ywQYYCFZraTIdAGEXEhx9',
    statusMessage: 'Out for ramen',
    email: 'sakura.tanaka@example.com',
    isFriend: true,
  },
  {
    userId: 'U1b2d4f6081a3c5e7091b2d3f4a5c6e70',
    displayName: '佐藤 健太',
    pictureUrl: 'https://profile.line-scdn.net/0hQmR7kT2xN1sLHCYmVvZIDDdZOTZ8MjETc30rbH0',
    statusMessage: '今日も一日がんばろう！',
    email: 'kenta.sato@example.com',
  },
  {
    userId: 'U7e6d5c4b3a29180f7e6d5c4b3a29180f',
    displayName: '🦊 Mia 👩‍👩‍👧‍👦🇫🇮',
    pictureUrl: 'https://profile.line-scdn.net/0hT3Yp5c0aKBxeDj9zWGlXS2JLJnEpICdMZmIyeno',
    statusMessage: '☕️ → 💻 → 🛏',
    isFriend: true,
  },
  {
    userId: 'U90817263544536271809f0e1d2c3b4a5',
    displayName: 'ليلى حداد',
    pictureUrl: 'https://profile.line-scdn.net/0hXc2Vb9dPMR5qNiZlw4JOSVZzPHMdGDhWUlRrLwI',
    statusMessage: 'صباح الخير',
    email: 'layla.haddad@example.com',
  },
  { userId: 'U0000aaaa1111bbbb2222cccc3333dddd', displayName: 'Tom' },
]

/** LINE checks the secret only for web channels. The SDKs of native and LIFF channels send none. */
export function isAuthenticated(channel: Channel, secret: string | null): boolean {
  return channel.type !== 'web' || secret === channel.secret
}
