import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { afterEach, expect, it, vi } from 'vitest'
import { exchange } from '../harness/faces.ts'
import { jsonOf } from '../harness/forms.ts'
import { type Algorithm, writeKeyFile } from '../harness/key-file.ts'
import { print } from '../harness/print.ts'
import { noSourceLimit, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { type SigningGateway, startSigningGateway } from '../harness/signing-gateway.ts'
import { timeUntil } from '../harness/time-until.ts'

/**
 * A rotation takes hours, so these hours pass in seconds: the clocks of LINE and of the gateways, and `Date` for jose, whose
 * caches live by it. All else is real: the program that rotates, the file, HTTP.
 */
const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const audience = 'https://orders.example'

let gateway: SigningGateway
let replica: RunningGateway
afterEach(async () => {
  vi.useRealTimers()
  await replica.close()
  await gateway.close()
})

async function start(algorithm: Algorithm, startsAt: number): Promise<void> {
  const settings = { API_AUDIENCES: audience, API_TOKEN_SECONDS: '3600', LOG_LEVEL: 'warn', ...noSourceLimit }
  gateway = await startSigningGateway(writeKeyFile({}, algorithm), settings, { startsAt })
  replica = await startRunningGateway({ ...gateway.settings, PORT: '0' }, { beside: gateway })
  vi.useFakeTimers({ toFake: ['Date'], now: startsAt })
}

/** All clocks go on. */
function pass(ms: number): void {
  gateway.advance(ms)
  vi.setSystemTime(gateway.lineTime())
}

type Verifier = { readonly name: string; readonly keys: JWTVerifyGetKey }

/** jose as it is, and with a cache as AWS HTTP APIs have it: two hours, and no look at the keys before for a new key ID. */
function createVerifier(kind: 'ten minutes' | 'two hours', { url }: Pick<RunningGateway, 'url'>): Verifier {
  const options = kind === 'ten minutes' ? {} : { cacheMaxAge: 2 * hour, cooldownDuration: 2 * hour }
  const jwks = new URL(`${url}/.well-known/jwks.json`)
  // In real time: a slow machine must not look like keys that cannot be fetched.
  return { name: kind, keys: createRemoteJWKSet(jwks, { ...options, timeoutDuration: minute }) }
}

/** A client that uses a token until a few seconds before its end, then gets a new one from any replica. */
function createClient(number: number) {
  const { accessToken } = gateway.issue()
  let token = ''
  let endsAt = 0
  return async () => {
    if (Date.now() > endsAt - 5 * second) {
      const reply = await exchange(number % 2 === 0 ? gateway : replica, accessToken)
      if (reply.status !== 200) throw new Error(reply.text)
      token = String(jsonOf(reply).access_token)
      endsAt = (decodeJwt(token).exp ?? 0) * second
    }
    return token
  }
}

/** Many clients and verifiers, of which each client asks another one at each step. */
function createLoad() {
  const clients = Array.from({ length: 40 }, (_, n) => createClient(n))
  const verifiers: Verifier[] = []
  const refusals: string[] = []
  const byKey = new Map<string, number>()
  let steps = 0
  let verified = 0

  return { step, addVerifiers, refusals, byKey, verified: () => verified }

  function addVerifiers(): void {
    for (const kind of ['ten minutes', 'two hours'] as const)
      for (const one of [gateway, replica]) verifiers.push(createVerifier(kind, one))
  }

  async function step(ms: number): Promise<void> {
    pass(ms)
    steps += 1
    await Promise.all(clients.map((client, n) => verify(client, verifiers[(n + steps) % verifiers.length])))
  }

  async function verify(client: () => Promise<string>, verifier: Verifier | undefined): Promise<void> {
    if (verifier === undefined) return
    const token = await client()
    const kid = String(decodeProtectedHeader(token).kid)
    byKey.set(kid, (byKey.get(kid) ?? 0) + 1)
    verified += 1
    await jwtVerify(token, verifier.keys, { issuer: gateway.issuer, audience, typ: 'at+jwt' }).catch((error) =>
      refusals.push(`${verifier.name}: ${error.message}`),
    )
  }
}

async function servedKids({ url }: Pick<RunningGateway, 'url'>): Promise<readonly string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

async function bothServeTwoKeys(): Promise<boolean> {
  const [one, other] = await Promise.all([servedKids(gateway), servedKids(replica)])
  return one.length === 2 && other.length === 2
}

async function bothSignWith(kid: string | undefined): Promise<boolean> {
  const { accessToken } = gateway.issue()
  const replies = await Promise.all([gateway, replica].map((one) => exchange(one, accessToken)))
  return replies.every((reply) => decodeProtectedHeader(String(jsonOf(reply).access_token)).kid === kid)
}

it.each<Algorithm>(['RS256', 'ES256'])(
  'a rotation under load (%s), two replicas, verifiers with caches of all ages: nobody is refused',
  async (algorithm) => {
    await start(algorithm, realTime() - 2 * hour)
    const load = createLoad()
    // Verifiers whose caches have all ages when the new key is published.
    for (let n = 0; n < 8; n += 1) {
      load.addVerifiers()
      await load.step(15 * minute)
    }
    const [oldKid] = await servedKids(gateway)
    await gateway.keyFile.rotate()
    pass(realTime() - gateway.lineTime())
    // The unlucky ones: they fetch the keys while a replica has not seen the file yet.
    load.addVerifiers()
    await load.step(0)
    const seenMs = await timeUntil(async () => {
      await load.step(0)
      return bothServeTwoKeys()
    }, 30_000)
    for (let passed = 0; passed < 4 * hour; passed += 30 * second) await load.step(30 * second)

    const [newKid] = (await servedKids(gateway)).filter((kid) => kid !== oldKid)
    print(
      `rotation (${algorithm}): ${load.refusals.length} of ${load.verified()} refused; by key ` +
        `${[...load.byKey.values()].join(' and ')}; the file was seen after ${Math.round(seenMs)} ms`,
    )
    expect(load.refusals).toEqual([])
    expect(load.verified()).toBeGreaterThan(10_000)
    expect([...load.byKey.keys()]).toEqual([oldKid, newKid])
    expect(await servedKids(gateway)).toEqual([newKid])
  },
)

it('a file whose new key signs at once: verifiers with a cache of two hours refuse, so the test above can fail', async () => {
  await start('ES256', realTime() - hour)
  const { keyFile } = gateway
  const load = createLoad()
  load.addVerifiers()
  await load.step(second)
  const [oldKid] = await servedKids(gateway)
  await keyFile.rotate()
  keyFile.write(keyFile.keys().map((key) => ({ ...key, signing_at: key.published_at })))
  pass(realTime() - gateway.lineTime())
  // On both: a verifier that asks a replica which has not seen the file yet refuses too, whatever its cache.
  await timeUntil(bothServeTwoKeys, 30_000)
  // The file was written twice: a replica that has seen only the first one still signs with the old key.
  const newKid = (await servedKids(gateway)).find((kid) => kid !== oldKid)
  await timeUntil(() => bothSignWith(newKid), 30_000)
  for (let passed = 0; passed < 2 * hour; passed += 5 * minute) await load.step(5 * minute)
  print(`a new key that signs at once: ${load.refusals.length} of ${load.verified()} refused`)
  expect(load.refusals.length).toBeGreaterThan(0)
  expect(new Set(load.refusals)).toEqual(new Set(['two hours: no applicable key found in the JSON Web Key Set']))
})

/** What `Date.now` would say: the program that rotates has the real time. */
function realTime(): number {
  return Math.floor(performance.timeOrigin + performance.now())
}
