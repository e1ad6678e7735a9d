/** A LINE Login channel. All channels of an emulator belong to one provider, so a user has the same ID in each. */
export type Channel = {
  /** LINE uses 10 digits. */
  id: string
  /** LINE uses 32 hex characters. The bytes of this text are the HS256 key of ID tokens. */
  secret: string
  type: 'web' | 'native' | 'liff'
  /** For people. */
  name?: string
  /** Registered callback URLs. Absent: each URL counts as registered. */
  callbackUrls?: readonly string[]
  /** Whether an official account is linked to the channel. Default true. */
  linkedBot?: boolean
}

/** A LINE user: `U` + 32 hex. A member that is absent here is absent in LINE's answers too, never null or empty. */
export type User = {
  userId: string
  displayName: string
  /** A path is a picture of the emulator: it becomes an absolute URL when the emulator starts. */
  pictureUrl?: string
  statusMessage?: string
  email?: string
  /** The user is a friend of the linked official account and does not block it. Default false. */
  isFriend?: boolean
}

/** A LINE MINI App has three channels: one for each state of the app. */
export const demoChannels: readonly Channel[] = [
  { id: '2000000001', secret: '5d7c1f0e9b2a48361f4e7a90c3b85d21', type: 'web', name: 'Web app' },
  { id: '2000000002', secret: 'a9034be7715cd2f86e0b41d79c5f3a68', type: 'native', name: 'iOS and Android app' },
  { id: '2000000003', secret: '0c6e83f15ad94b27b8d2e460f71a935c', type: 'liff', name: 'LIFF app' },
  { id: '2000000004', secret: 'e41b6a0d97c25f38b0d7934e6fa1c825', type: 'liff', name: 'LINE MINI App, developing' },
  { id: '2000000005', secret: '37f9c2e80b64d1a5924ce7b8306df51a', type: 'liff', name: 'LINE MINI App, review' },
  { id: '2000000006', secret: 'b85d03a7e2f14c69d7316e9f0a4cb285', type: 'liff', name: 'LINE MINI App, published' },
]

export const demoUsers: readonly User[] = [
  {
    userId: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f',
    displayName: 'Sakura Tanaka',
    pictureUrl: '/emulator/pictures/U4af4980629c1d3b5e7f90a2b4c6d8e0f',
    statusMessage: 'Out for ramen',
    email: 'sakura.tanaka@example.com',
    isFriend: true,
  },
  {
    userId: 'U1b2d4f6081a3c5e7091b2d3f4a5c6e70',
    displayName: '佐藤 健太',
    pictureUrl: '/emulator/pictures/U1b2d4f6081a3c5e7091b2d3f4a5c6e70',
    statusMessage: '今日も一日がんばろう！',
    email: 'kenta.sato@example.com',
  },
  {
    userId: 'U7e6d5c4b3a29180f7e6d5c4b3a29180f',
    displayName: '🦊 Mia 👩‍👩‍👧‍👦🇫🇮',
    pictureUrl: '/emulator/pictures/U7e6d5c4b3a29180f7e6d5c4b3a29180f',
    statusMessage: '☕️ → 💻 → 🛏',
    isFriend: true,
  },
  {
    userId: 'U90817263544536271809f0e1d2c3b4a5',
    displayName: 'ليلى حداد',
    pictureUrl: '/emulator/pictures/U90817263544536271809f0e1d2c3b4a5',
    statusMessage: 'صباح الخير',
    email: 'layla.haddad@example.com',
  },
  { userId: 'U0000aaaa1111bbbb2222cccc3333dddd', displayName: 'Tom' },
]

/** LINE checks the secret only for web channels. The SDKs of native and LIFF channels send none. */
export function isAuthenticated(channel: Channel, secret: string | null): boolean {
  return channel.type !== 'web' || secret === channel.secret
}
