import { afterAll, describe, expect, it } from 'vitest'
import { type AskedFaceName, faceNames, faceSettings, introspect, verdict } from '../harness/faces.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { print } from '../harness/print.ts'
import { liff, ourChannels, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

const keyFile = writeKeyFile()
afterAll(() => keyFile.remove())

/** An address gets no refusal back during a test, however slow the machine is: the clock stands still. */
const settings = {
  ...ourChannels,
  ...faceSettings,
  PUBLIC_URL: 'https://id.example',
  SIGNING_KEYS_FILE: keyFile.path,
}
const burst = 20
const address = '198.51.100.7'
const otherAddress = '203.0.113.9'

async function withGateway(use: (gateway: RunningGateway) => Promise<void>, more: NodeJS.ProcessEnv = {}) {
  const gateway = await startRunningGateway({ ...settings, ...more })
  await use(gateway)
  await gateway.close()
}

/** Asks one face about many credentials, 50 at once, and counts what it says. */
async function flood(gateway: RunningGateway, name: AskedFaceName, credentials: readonly string[], from = address) {
  const said: Record<string, number> = {}
  for (let start = 0; start < credentials.length; start += 50) {
    const wave = credentials.slice(start, start + 50)
    for (const word of await Promise.all(wave.map((one) => verdict(name, gateway, one, from))))
      said[word] = (said[word] ?? 0) + 1
  }
  return said
}

const junk = (count: number) => Array.from({ length: count }, (_, n) => `junk-token-${n}`)

describe('1,000 junk tokens from one address', () => {
  /** A known client of introspection has no bucket, so that nobody can shut it for all others. */
  const limited = faceNames.filter((name) => name !== 'introspection')

  it.each(limited)('%s: LINE gets no more of them than through GraphQL', (name) =>
    withGateway(async (gateway) => {
      const said = await flood(gateway, name, junk(1_000))
      const { verifyAccessToken } = gateway.emulator.calls.byEndpoint()
      print(`1,000 junk tokens, ${name}: ${gateway.emulator.calls.total()} calls to LINE, ${JSON.stringify(said)}`)
      expect(gateway.emulator.calls.total()).toBe(verifyAccessToken)
      expect(verifyAccessToken).toBeLessThanOrEqual(burst)
      expect(said).toEqual({ refused: verifyAccessToken, limited: 1_000 - verifyAccessToken })
      expect(await verdict(name, gateway, gateway.issue().accessToken, otherAddress)).toBe('good')
    }),
  )

  it('spread over all faces: one bucket for all of them', () =>
    withGateway(async (gateway) => {
      const tokens = junk(1_000)
      await Promise.all(
        limited.map((name, n) =>
          flood(
            gateway,
            name,
            tokens.filter((_, at) => at % limited.length === n),
          ),
        ),
      )
      print(`1,000 junk tokens, all faces at once: ${gateway.emulator.calls.total()} calls to LINE`)
      expect(gateway.emulator.calls.total()).toBeLessThanOrEqual(burst)
    }))

  it('known tokens from that address are good all the time', () =>
    withGateway(async (gateway) => {
      const warm = gateway.issue().accessToken
      for (const name of faceNames) expect(await verdict(name, gateway, warm, address)).toBe('good')
      for (const name of limited) {
        await flood(gateway, name, junk(100))
        expect(await verdict(name, gateway, warm, address)).toBe('good')
      }
    }))

  it('introspection: at most a quarter of the places to LINE at once; the same junk again costs nothing', () =>
    withGateway(
      async (gateway) => {
        gateway.emulator.faults.set('*', { latencyMs: 5 })
        const said = await flood(gateway, 'introspection', junk(1_000))
        const { calls } = gateway.emulator
        const first = calls.total()
        const inFlight = calls.maxInFlight()
        calls.reset()
        const again = await flood(gateway, 'introspection', junk(1_000))
        print(
          `1,000 junk tokens, introspection: ${first} calls to LINE, ${inFlight} of 16 places at most, ` +
            `${calls.total()} the second time`,
        )
        expect(said).toEqual({ refused: 1_000 })
        expect(again).toEqual({ refused: 1_000 })
        expect(first).toBe(1_000)
        expect(inFlight).toBeLessThanOrEqual(4)
        expect(calls.total()).toBe(0)
      },
      { LINE_MAX_CONCURRENCY: '16' },
    ))

  it('introspection under that flood: a viewer elsewhere is served', () =>
    withGateway(
      async (gateway) => {
        gateway.emulator.faults.set('*', { latencyMs: 20 })
        const flooding = flood(gateway, 'introspection', junk(1_000))
        for (let times = 0; times < 20; times += 1)
          expect(await verdict('viewer { id }', gateway, gateway.issue().accessToken, otherAddress)).toBe('good')
        await flooding
      },
      { LINE_MAX_CONCURRENCY: '16' },
    ))

  it('introspection by a client with a wrong secret: limited like junk, and LINE gets none of it', () =>
    withGateway(async (gateway) => {
      const wrong = { id: 'orders-api', secret: 'x'.repeat(40) }
      const said: Record<string, number> = {}
      for (let times = 0; times < 100; times += 1) {
        const { status } = await introspect(gateway, gateway.issue().accessToken, address, wrong)
        said[status] = (said[status] ?? 0) + 1
      }
      print(`100 introspections with a wrong secret: ${JSON.stringify(said)}`)
      expect(said).toEqual({ 401: burst, 429: 100 - burst })
      expect(gateway.emulator.calls.total()).toBe(0)
    }))
})

describe('1,000 bad ID tokens from one address', () => {
  const forged = (gateway: RunningGateway) => {
    const claims = { iss: 'https://access.line.me', sub: 'U1', aud: liff.id, exp: 9_999_999_999, iat: 1 }
    return Array.from({ length: 1_000 }, (_, n) => {
      const parts = gateway.emulator.signIdToken({ ...claims, nonce: `${n}` }, 'ES256', liff.id).split('.')
      return `${parts[0]}.${parts[1]}.${Buffer.alloc(64, n % 255).toString('base64url')}`
    })
  }

  it.each(faceNames)('%s: LINE is asked for its keys once', (name) =>
    withGateway(async (gateway) => {
      const said = await flood(gateway, name, forged(gateway))
      print(`1,000 bad ID tokens, ${name}: ${gateway.emulator.calls.total()} calls to LINE, ${JSON.stringify(said)}`)
      expect(gateway.emulator.calls.total()).toBeLessThanOrEqual(1)
      expect(said.good).toBeUndefined()
      expect(said.outage).toBeUndefined()
    }),
  )
})
