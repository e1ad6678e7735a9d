import { describe, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createLeftUsers } from '../../src/login/left-users.ts'
import type { IdToken } from '../../src/tokens/credentials.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { startRunningGateway } from '../harness/running-gateway.ts'
import {
  allChannels,
  here,
  type Layer,
  liff,
  noSourceLimit,
  START_MS,
  type TestClock,
  useLayer,
} from '../harness/token-layer.ts'

/** Both ways in which a caller can send an ID token. */
async function accepted({ credentials, idTokens }: Layer, idToken: string) {
  const identity = await credentials.identify(credentials.read(idToken) as IdToken, here)
  const verified = idTokens.verifyGuarded(idToken, {}, here).then(
    () => 'valid',
    ({ reason }) => reason,
  )
  return [identity.verdict === 'invalid' ? identity.reason : identity.verdict, await verified]
}

const good = ['valid', 'valid']
const left = ['REVOKED', 'EXPIRED']

describe('an ID token that was good here before its user left', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })
  const idTokenOf = (nonce: string) => layer().emulator.issueTokens({ channelId: liff.id, nonce }).idToken ?? ''
  const leave = () => layer().revocation.deauthorize(layer().issue({ channelId: liff.id }), here)

  it.each<[string, (clock: TestClock) => void, (clock: TestClock) => void]>([
    ['right', () => {}, () => {}],
    ['4 s slow at the departure', (clock) => clock.set(-4_000), () => {}],
    ['30 s slow at the departure', (clock) => clock.set(-30_000), () => {}],
    [
      'two hours slow at the departure, and then right',
      (clock) => clock.set(-7_200_000),
      (clock) => clock.set(7_200_000),
    ],
    ['right, and set back by a minute later', () => {}, (clock) => clock.set(-60_000)],
    ['right, and suspended later', () => {}, (clock) => clock.suspend(100_000)],
  ])('our clock is %s: refused', async (_, before, after) => {
    const { clock } = layer()
    const [bearer, verified] = [idTokenOf('of an app'), idTokenOf('of a back end')]
    expect(await accepted(layer(), bearer)).toEqual(good)
    expect(await layer().idTokens.verifyGuarded(verified, { nonce: 'of a back end' }, here)).toBeDefined()
    clock.advance(1_000)
    before(clock)
    await leave()
    clock.advance(1_000)
    after(clock)
    for (let n = 0; n < 3; n += 1) {
      expect(await accepted(layer(), bearer)).toEqual(left)
      expect(await accepted(layer(), verified)).toEqual(left)
      clock.advance(20_000)
    }
  })

  it('it came from a login through us: refused', async () => {
    const { clock, idTokens } = layer()
    const idToken = idTokenOf('first')
    await idTokens.verify(idToken, { nonce: 'first' }, here)
    clock.set(-4_000)
    await leave()
    expect(await accepted(layer(), idToken)).toEqual(left)
  })

  it('a new login at once after the departure, on a slow clock: good, also while the first is refused', async () => {
    const { clock } = layer()
    const idToken = idTokenOf('first')
    expect(await accepted(layer(), idToken)).toEqual(good)
    clock.advance(1_000)
    clock.set(-1_500)
    await leave()
    const again = idTokenOf('again')
    expect(await accepted(layer(), again)).toEqual(good)
    clock.advance(60_000)
    expect(await accepted(layer(), again)).toEqual(good)
    expect(await accepted(layer(), idToken)).toEqual(left)
  })
})

it('a process whose clock is 4 s slow from its start: the ID token is refused, one of a new login is good', async () => {
  const gateway = await startRunningGateway(allChannels, { wallAheadBy: -4_000 })
  const { accessToken, idToken } = { ...gateway.issue({ channelId: liff.id }) }
  const seenBy = async (token: string | undefined) => (await gateway.ask('{ viewer { id } }', { token })).data?.viewer
  expect(await seenBy(idToken)).toBeTruthy()
  gateway.advance(2_000)
  await gateway.ask('mutation { deauthorize { deauthorized } }', { token: accessToken })
  expect(await seenBy(idToken)).toBeNull()
  expect(await seenBy(gateway.issue({ channelId: liff.id }).idToken)).toBeTruthy()
  gateway.advance(100_000)
  expect(await seenBy(idToken)).toBeNull()
  await gateway.close()
})

describe('while an ID token is checked for the first time', () => {
  it('its user leaves at this process: refused, whatever the clocks say', () => {
    const { leftUsers, users, advance } = begin()
    const begun = leftUsers.begin()
    advance(-20_000)
    users.raise(liff.id, 'U1')
    expect(leftUsers.hasLeft(claims, begun)).toBe(true)
  })

  it('another process tells that its user left before the login: good', () => {
    const { leftUsers, learn } = begin()
    const begun = leftUsers.begin()
    learn(START_MS - 1)
    expect(leftUsers.hasLeft(claims, begun)).toBe(false)
    expect(leftUsers.hasLeft(claims, leftUsers.sight())).toBe(false)
  })
})

describe('an ID token that was good here, and a departure that another process tells', () => {
  it('its clock is slow by 4 s, so that the departure seems to be the earlier one: refused', () => {
    const { leftUsers, learn } = begin()
    const sighting = leftUsers.sight()
    learn(START_MS - 1)
    expect(leftUsers.hasLeft(claims, leftUsers.begin())).toBe(false)
    expect(leftUsers.hasLeft(claims, sighting)).toBe(true)
  })

  it('it comes late, and the ID token is from a new login: good', () => {
    const { leftUsers, learn, advance } = begin()
    advance(600_000)
    const sighting = leftUsers.sight()
    learn(START_MS - 1)
    expect(leftUsers.hasLeft(claims, sighting)).toBe(false)
  })

  it('of another user: good', () => {
    const { leftUsers, learn } = begin()
    const sighting = leftUsers.sight()
    learn(START_MS + 5_000)
    expect(leftUsers.hasLeft({ ...claims, sub: 'U2' }, sighting)).toBe(false)
  })
})

const claims = { aud: liff.id, sub: 'U1', iat: START_MS / 1_000 }

/** 4 s after the ID token was issued. */
function begin() {
  let time = START_MS + 4_000
  const clock = createClock({ wall: () => time, monotonic: () => time })
  const users = createUserTombstones(clock)
  const leftUsers = createLeftUsers(users, clock)
  const learn = (raisedAt: number) => users.learn(liff.id, 'U1', { raisedAt, at: raisedAt, isLeaving: false })
  const advance = (ms: number) => {
    time += ms
  }
  return { users, leftUsers, learn, advance }
}
