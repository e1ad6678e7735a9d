import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type AskedFaceName,
  everyFace,
  exchange,
  faceNames,
  faceSettings,
  forwardAuth,
  membersOf,
  verdict,
  verdicts,
} from './harness/faces.ts'
import {
  callsTo,
  liff,
  noSourceLimit,
  ourChannels,
  type RunningGateway,
  startRunningGateway,
  useSharedGateway,
} from './harness/running-gateway.ts'
import { createTimelessKeyFile } from './harness/signing-gateway.ts'

const keyFile = createTimelessKeyFile()
afterAll(() => keyFile.remove())

const settings = {
  ...ourChannels,
  ...faceSettings,
  ...noSourceLimit,
  PUBLIC_URL: 'https://id.example',
  SIGNING_KEYS_FILE: keyFile.path,
}
const gateway = useSharedGateway(settings)

/** Credentials as callers send them. */
const credentials = {
  'an access token': (): string => gateway().issue().accessToken,
  'an ID token': (): string => gateway().issue({ channelId: liff.id }).idToken ?? '',
}
const kinds = Object.keys(credentials) as (keyof typeof credentials)[]

describe('each face, and GraphQL', () => {
  it.each(kinds)('%s: good, and good again', async (kind) => {
    const credential = credentials[kind]()
    expect(await verdicts(gateway(), credential)).toEqual(everyFace('good'))
    expect(await verdicts(gateway(), credential)).toEqual(everyFace('good'))
  })

  it.each<[string, () => string]>([
    ['a token that LINE does not know', () => 'no-token'],
    ['an expired token', () => gateway().issue({ expiresIn: -5 }).accessToken],
    ['a token of a channel that is not ours', () => gateway().issue({ channelId: '1000000009' }).accessToken],
    ['an ID token with another signature', () => `${credentials['an ID token']().slice(0, -12)}${'A'.repeat(12)}`],
    ['an ID token by a channel secret (HS256)', () => gateway().issue().idToken ?? ''],
  ])('%s: refused', async (_, credential) => {
    expect(await verdicts(gateway(), credential())).toEqual(everyFace('refused'))
  })

  it('a token of our own: refused, and LINE never gets it', async () => {
    const { accessToken } = gateway().issue()
    const ours = String(membersOf(await exchange(gateway(), accessToken)).access_token)
    gateway().emulator.calls.reset()
    expect(await verdicts(gateway(), ours)).toEqual(everyFace('refused'))
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

const outages: Readonly<Record<string, Parameters<RunningGateway['emulator']['faults']['set']>[1]>> = {
  'answers 500': { status: 500 },
  'answers 429': { status: 429, headers: { 'retry-after': '7' } },
  'answers 403': { status: 403, body: { message: 'Forbidden' } },
  'resets connections': { reset: true },
  'answers nonsense': { garbage: true },
  'answers with members of other types': { body: { client_id: 7, expires_in: 'soon', scope: [], userId: {} } },
}

describe.each(Object.entries(outages))('while LINE %s', (_, fault) => {
  it('known tokens are good through each face, also those that are due for a check; unknown ones: an outage', async () => {
    const warm = gateway().issue().accessToken
    const cold = Object.fromEntries(faceNames.map((name) => [name, gateway().issue().accessToken]))
    const said = async () => {
      const all = faceNames.map(async (name) => [name, await verdict(name, gateway(), cold[name] ?? '')])
      return Object.fromEntries(await Promise.all(all))
    }
    expect(await verdicts(gateway(), warm)).toEqual(everyFace('good'))
    gateway().emulator.faults.set('*', fault)
    expect(await verdicts(gateway(), warm)).toEqual(everyFace('good'))
    gateway().advance(3_700_000)
    expect(await verdicts(gateway(), warm)).toEqual(everyFace('good'))
    expect(await said()).toEqual(everyFace('outage'))

    gateway().emulator.faults.clear()
    gateway().advance(120_000)
    expect(await verdicts(gateway(), warm)).toEqual(everyFace('good'))
    await expect.poll(said, { timeout: 30_000 }).toEqual(everyFace('good'))
  })
})

it('while LINE hangs, tokens that are not known and an ID token whose key is not: an outage through each face', async () => {
  const own = await startRunningGateway({ ...settings, LINE_TIMEOUT_MS: '100' })
  own.emulator.faults.set('*', { hang: true })
  const { idToken = '' } = own.issue({ channelId: liff.id })
  const said = faceNames.flatMap((name) => [own.issue().accessToken, idToken].map((it) => verdict(name, own, it)))
  expect(new Set(await Promise.all(said))).toEqual(new Set(['outage']))
  await own.close()
})

describe('what the faces cost', () => {
  it.each(kinds)('%s that is known: no call to LINE through any face', async (kind) => {
    const credential = credentials[kind]()
    await verdicts(gateway(), credential)
    gateway().emulator.calls.reset()
    for (let times = 0; times < 3; times += 1) await verdicts(gateway(), credential)
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('500 at once with one new token, through all faces: 1 verification and 1 profile', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('*', { latencyMs: 100 })
    const said = await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        verdict(faceNames[n % faceNames.length] as AskedFaceName, gateway(), accessToken),
      ),
    )
    expect(new Set(said)).toEqual(new Set(['good']))
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  it('all faces hand on one and the same JWT of a token', async () => {
    const { accessToken } = gateway().issue()
    const [forwarded, exchanged, asked] = await Promise.all([
      forwardAuth(gateway(), accessToken),
      exchange(gateway(), accessToken),
      gateway().ask('{ viewer { apiToken { token } } }', { token: accessToken }),
    ])
    const { access_token: token } = membersOf(exchanged)
    expect(forwarded.headers.authorization).toBe(`Bearer ${token}`)
    expect(asked.data).toEqual({ viewer: { apiToken: { token } } })
  })

  it('300 verifications at the service: one request to us, for the keys', async () => {
    const token = String(membersOf(await exchange(gateway(), gateway().issue().accessToken)).access_token)
    const requests = () => gateway().log().split('\n').length
    const keys = createRemoteJWKSet(new URL(`${gateway().url}/.well-known/jwks.json`))
    const options = { issuer: 'https://id.example', audience: 'https://id.example', typ: 'at+jwt' }
    const verify = () => jwtVerify(token, keys, { ...options, currentDate: new Date(gateway().lineTime()) })
    await verify()
    gateway().emulator.calls.reset()
    const before = requests()
    for (let times = 0; times < 299; times += 1) await verify()
    expect(requests() - before).toBe(0)
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('what a revocation through us means', () => {
  const revocations: Readonly<Record<string, (token: string) => Promise<unknown>>> = {
    revokeToken: (token) => {
      const input = { accessToken: token }
      return gateway().ask('mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }', {
        variables: { input },
      })
    },
    logout: (token) => gateway().ask('mutation { logout { revoked } }', { token }),
    deauthorize: (token) => gateway().ask('mutation { deauthorize { deauthorized } }', { token }),
  }

  it.each(Object.keys(revocations))('%s: each face refuses the token on the next request', async (name) => {
    const { accessToken } = gateway().issue({ userId: 'U7e6d5c4b3a29180f7e6d5c4b3a29180f' })
    expect(await verdicts(gateway(), accessToken)).toEqual(everyFace('good'))
    await revocations[name]?.(accessToken)
    expect(await verdicts(gateway(), accessToken)).toEqual(everyFace('refused'))
  })

  it('deauthorize: the ID tokens of this user are refused too, those of others are not', async () => {
    const own = { channelId: liff.id, userId: 'U90817263544536271809f0e1d2c3b4a5' }
    const { accessToken, idToken = '' } = gateway().issue(own)
    const other = credentials['an ID token']()
    expect(await verdicts(gateway(), idToken)).toEqual(everyFace('good'))
    await revocations.deauthorize?.(accessToken)
    expect(await verdicts(gateway(), idToken)).toEqual(everyFace('refused'))
    expect(await verdicts(gateway(), other)).toEqual(everyFace('good'))
    gateway().advance(1_000)
    expect(await verdicts(gateway(), gateway().issue(own).idToken ?? '')).toEqual(everyFace('good'))
  })
})
