import { setTimeout as sleep } from 'node:timers/promises'
import { Redis as Client } from 'ioredis'
import type { Subject } from '../../src/tokens/record.ts'
import { streamKey } from '../../src/tokens/shared-forgetting.ts'
import { currentVersions } from '../../src/tokens/shared-names.ts'
import { version } from '../../src/version.ts'
import { plain } from './plain-record.ts'
import { startRedis } from './redis.ts'
import { type Replica, startReplicas } from './replicas.ts'
import { callerAt, noSourceLimit, tokenOf, web } from './token-layer.ts'

/** What a release has written to Redis, and what it must mean for the next one. All tokens are of the emulator. */
export type ReleasedEntries = {
  /** The version that wrote it. */
  readonly release: string
  /** Of each list, it writes the first version and reads all. */
  readonly versions: typeof currentVersions
  /** The wall clock of the writer, epoch ms. */
  readonly writtenAt: number
  readonly secret: string
  readonly lineUrl: string
  readonly nonce: string
  readonly tokens: {
    /** Access tokens. */
    readonly known: string
    readonly revoked: string
    readonly junk: string
    /** Refresh tokens. */
    readonly first: string
    readonly refreshed: string
    readonly revokedSession: string
  }
  /** The access token that came with `refreshed`. */
  readonly refreshedAccess: string
  readonly code: string
  /** The record of `known`, in times of the wall clock. */
  readonly record: Readonly<Record<string, unknown>>
  readonly user: string
  readonly departedUser: string
  /** The values by their keys, in base64. */
  readonly entries: Readonly<Record<string, string>>
  readonly streamKey: string
  /** The values of the stream, in base64. */
  readonly stream: readonly string[]
}

const secret = 'released entries are read with this secret'
const redirectUri = 'https://app.example/callback'
/** Longer than a record is fresh. */
const agingMs = 400_000

/** Drives a replica of this tree through everything that it shares, and reads Redis. */
export async function collectReleasedEntries(): Promise<ReleasedEntries> {
  const server = await startRedis()
  const fleet = await startReplicas([{ REDIS_URL: server.url, CACHE_SECRET: secret, ...noSourceLimit }])
  try {
    const { emulator } = fleet
    const [replica] = fleet.all as [Replica]
    const { logins, refresher, revocation, nonces } = replica
    const [user = '', departedUser = '', unlinkedUser = ''] = emulator.users.map(({ userId }) => userId)
    const caller = callerAt('192.0.2.1')
    const ask = (token: string, subject: Subject = 'verification') =>
      replica.resolve({ ...caller, token: tokenOf(token), subject })
    const issue = (userId: string) => emulator.issueTokens({ userId }).accessToken
    // A record has the host of LINE's pictures in short.
    Object.assign(emulator.users[0] ?? {}, { pictureUrl: 'https://profile.line-scdn.net/0h-a-picture' })
    // The replica follows the stream, and has written its first entry.
    while ((await server.command('XLEN', streamKey)) === 0) await sleep(10)

    const unlinked = issue(unlinkedUser)
    await ask(unlinked)
    emulator.unlink(unlinkedUser)
    fleet.advance(agingMs)
    await ask(unlinked)

    const known = issue(user)
    for (const subject of ['profile', 'friendship'] as const) await ask(known, subject)
    const answer = await ask(known)
    if (answer.verdict !== 'valid') throw new Error('LINE accepts the token')

    const revoked = issue(user)
    await ask(revoked)
    await revocation.revokeAccessToken(tokenOf(revoked), caller)

    const code = emulator.issueCode({ redirectUri, userId: user })
    const { tokens } = await logins.exchangeCode({ code, redirectUri }, web, caller)
    await ask(tokens.accessToken, 'profile')
    const first = tokens.refreshToken ?? ''
    emulator.switches.refreshToken = 'rotate'
    const next = await refresher.refresh(first, web, caller)

    const other = emulator.issueCode({ redirectUri, userId: user })
    const session = await logins.exchangeCode({ code: other, redirectUri }, web, caller)
    const revokedSession = session.tokens.refreshToken ?? ''
    await revocation.revokeRefreshToken(revokedSession, web, caller)

    const departed = issue(departedUser)
    await ask(departed, 'profile')
    await revocation.deauthorize(tokenOf(departed), caller)

    const junk = 'a-token-that-line-never-issued'
    await ask(junk)
    emulator.faults.set('profile', { status: 429 })
    await ask(issue(user), 'profile')
    // What nobody waits for is written by then.
    await sleep(300)
    return {
      release: version,
      versions: currentVersions,
      writtenAt: Date.now() + agingMs,
      secret,
      lineUrl: emulator.url,
      nonce: nonces.issue(),
      tokens: { known, revoked, junk, first, refreshed: next.refreshToken ?? '', revokedSession },
      refreshedAccess: next.accessToken,
      code,
      record: { ...plain(answer.record) },
      user,
      departedUser,
      ...(await contentOf(server.port)),
    }
  } finally {
    await fleet.close()
    await server.close()
  }
}

async function contentOf(port: number): Promise<Pick<ReleasedEntries, 'entries' | 'streamKey' | 'stream'>> {
  const client = new Client(port, '127.0.0.1')
  try {
    const keys = (await client.keys('*')).filter((key) => key !== streamKey).sort()
    const values = await client.mgetBuffer(keys)
    const stream = await client.xrangeBuffer(streamKey, '-', '+')
    return {
      entries: Object.fromEntries(keys.map((key, n) => [key, values[n]?.toString('base64') ?? ''])),
      streamKey,
      stream: stream.map(([, [, value]]) => value?.toString('base64') ?? ''),
    }
  } finally {
    client.disconnect()
  }
}
