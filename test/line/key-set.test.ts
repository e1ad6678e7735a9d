import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'
import { createKeySet, type KeySet, UnknownKid } from '../../src/line/key-set.ts'
import { rejectionOf, startMs, useTransports } from '../harness/line-transport.ts'

const { toEmulator } = useTransports()

const hour = 60 * 60 * 1_000

let time = startMs
let fetches = 0
let published: unknown[] = []
let outage: Error | undefined
let keySet: KeySet
let failures: unknown[] = []

beforeEach(() => {
  time = startMs
  fetches = 0
  published = [jwk('first')]
  outage = undefined
  failures = []
  const failed = (error: unknown) => failures.push(error)
  keySet = createKeySet(fetchCerts, () => time, failed)
})

describe('keys', () => {
  it('are fetched at the first use: one fetch for 100 look-ups at once', async () => {
    expect(fetches).toBe(0)
    const keys = await Promise.all(Array.from({ length: 100 }, () => keySet.keyOf('first')))
    expect(keys.every((key) => key?.type === 'public')).toBe(true)
    expect(fetches).toBe(1)
  })

  it('are cached for an hour, then used at once and fetched again in the background (D13)', async () => {
    await keySet.keyOf('first')
    time += hour - 1
    expect(keySet.keyOf('first')).toHaveProperty('type', 'public')
    expect(fetches).toBe(1)
    time += 1
    expect(keySet.keyOf('first')).toHaveProperty('type', 'public')
    expect(fetches).toBe(2)
    await fetched()
    expect(keySet.keyOf('first')).toHaveProperty('type', 'public')
    expect(fetches).toBe(2)
  })

  it('a fetch in the background: a mistake of ours is reported, an outage is not', async () => {
    await keySet.keyOf('first')
    for (const error of [new LineUnavailable('down'), new TypeError('a bug')]) {
      time += hour
      outage = error
      expect(keySet.keyOf('first')).toHaveProperty('type', 'public')
      await fetched()
    }
    expect(failures).toEqual([new TypeError('a bug')])
  })

  it('that LINE withdrew are removed by the first fetch after the hour', async () => {
    await keySet.keyOf('first')
    published = [jwk('second')]
    time += hour
    expect(await keySet.keyOf('first')).toBeDefined()
    await fetched()
    expect(await keySet.keyOf('first')).toBeUndefined()
  })

  it('are fetched again if the clock was set back by more than an hour', async () => {
    await keySet.keyOf('first')
    time -= 24 * hour
    await keySet.keyOf('first')
    expect(fetches).toBe(2)
  })

  it('while LINE never answers: the keys that we have are used at once, and LINE is asked once (D13)', async () => {
    const hanging = createKeySet(
      () => (fetches === 0 ? fetchCerts() : hang()),
      () => time,
    )
    await hanging.keyOf('first')
    time += hour
    for (let nth = 0; nth < 100; nth += 1) expect(hanging.keyOf('first')).toHaveProperty('type', 'public')
    expect(hanging.keyOf('junk')).toBeInstanceOf(Promise)
    expect(hanging.keyOf('first')).toHaveProperty('type', 'public')
    expect(fetches).toBe(2)
  })
})

describe('an unknown kid', () => {
  it('causes one fetch, and is found if LINE has a new key', async () => {
    await keySet.keyOf('first')
    published = [jwk('first'), jwk('second')]
    expect(await keySet.keyOf('second')).toBeDefined()
    published = [jwk('third')]
    expect(await keySet.keyOf('third')).toBeDefined()
    expect(fetches).toBe(3)
  })

  it('asked about after a fetch began, which does not have it: not absent, and found after the cool-down (D13)', async () => {
    const junk = keySet.keyOf('junk')
    await new Promise(setImmediate)
    const late = unknown('second')
    expect(await junk).toBeUndefined()
    expect(await late).toBeInstanceOf(UnknownKid)
    expect(await late).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 10 })
    published = [jwk('second')]
    time += 10_000
    expect(await keySet.keyOf('second')).toBeDefined()
  })

  it('asked about after a background fetch began: one more fetch finds it (D13)', async () => {
    await keySet.keyOf('first')
    time += hour
    keySet.keyOf('first')
    await new Promise(setImmediate)
    const late = keySet.keyOf('second')
    published = [jwk('first'), jwk('second')]
    expect(await late).toBeDefined()
    expect(fetches).toBe(3)
  })

  it('that a fetch did not find is absent; another one in the cool-down is an outage until it ends (D13)', async () => {
    await keySet.keyOf('first')
    expect(await keySet.keyOf('junk')).toBeUndefined()
    published = [jwk('first'), jwk('second')]
    time += 2_500
    expect(await unknown('second')).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 8 })
    expect(await keySet.keyOf('junk')).toBeUndefined()
    expect(await keySet.keyOf('first')).toBeDefined()
    expect(fetches).toBe(2)
    time += 8_000
    expect(await keySet.keyOf('second')).toBeDefined()
    expect(fetches).toBe(3)
  })

  it('many at once: all absent after one fetch; many in a row: 6 fetches a minute at most (D13)', async () => {
    await keySet.keyOf('first')
    const all = await Promise.all(Array.from({ length: 200 }, (_, nth) => keySet.keyOf(`junk-${nth}`)))
    expect(all.every((key) => key === undefined)).toBe(true)
    expect(fetches).toBe(2)
    for (let nth = 0; nth < 600; nth += 1) {
      time += 100
      await Promise.allSettled([keySet.keyOf(`more-${nth}`)])
    }
    expect(fetches).toBe(8)
  })

  it('10,000 absent ones at once: the first 1,000 are remembered, the others are an outage', async () => {
    await Promise.all(Array.from({ length: 10_000 }, (_, nth) => keySet.keyOf(`junk-${nth}`)))
    expect(await keySet.keyOf('junk-999')).toBeUndefined()
    expect(await unknown('junk-1000')).toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(fetches).toBe(1)
  })

  it('absent, and LINE publishes it later: found after the cool-down', async () => {
    expect(await keySet.keyOf('second')).toBeUndefined()
    published = [jwk('second')]
    time += 10_000
    expect(await keySet.keyOf('second')).toBeDefined()
  })

  it('as the first kid of all: one fetch', async () => {
    expect(await keySet.keyOf('junk')).toBeUndefined()
    expect(fetches).toBe(1)
  })

  it.each(['__proto__', 'constructor', ''])('%j: undefined', async (kid) => {
    expect(await keySet.keyOf(kid)).toBeUndefined()
  })

  it('longer than 200 characters: undefined, without a fetch', () => {
    expect(keySet.keyOf('x'.repeat(201))).toBeUndefined()
    expect(fetches).toBe(0)
  })
})

describe('while LINE is down', () => {
  it('without cached keys: an outage, then LINE is asked again after its `retryAfter` (D13)', async () => {
    outage = new LineUnavailable('LINE did not answer', { retryAfter: 1 })
    expect(await unknown('first')).toBe(outage)
    time += 999
    expect(await unknown('first')).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 1 })
    expect(fetches).toBe(1)
    outage = new LineRateLimited({ retryAfter: 5 })
    time += 1
    expect(await unknown('first')).toBe(outage)
    outage = undefined
    time += 1_000
    expect(await unknown('first')).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 4 })
    expect(fetches).toBe(2)
    time += 4_000
    expect(await keySet.keyOf('first')).toBeDefined()
  })

  it('200 unknown kids in a row: one fetch, and none of them is refused (D13)', async () => {
    await keySet.keyOf('first')
    outage = new LineUnavailable('LINE did not answer')
    for (let nth = 0; nth < 200; nth += 1) {
      expect(await unknown(`junk-${nth}`)).toMatchObject({ code: 'LINE_UNAVAILABLE' })
    }
    expect(fetches).toBe(2)
  })

  it('a kid that was absent before is an outage after a fetch that failed', async () => {
    expect(await keySet.keyOf('junk')).toBeUndefined()
    outage = new LineUnavailable('LINE did not answer', { retryAfter: 1 })
    time += 10_000
    expect(await unknown('junk')).toBe(outage)
    expect(await unknown('junk')).toMatchObject({ code: 'LINE_UNAVAILABLE' })
  })

  it('cached keys are used, also after a day, and fetched again as soon as LINE is back', async () => {
    await keySet.keyOf('first')
    outage = new LineUnavailable('LINE did not answer', { retryAfter: 1 })
    time += 24 * hour
    expect(await keySet.keyOf('first')).toBeDefined()
    await fetched()
    expect(await keySet.keyOf('first')).toBeDefined()
    expect(fetches).toBe(2)
    outage = undefined
    published = [jwk('second')]
    time += 1_000
    expect(await keySet.keyOf('second')).toBeDefined()
    expect(await keySet.keyOf('first')).toBeUndefined()
  })

  it.each([
    ['fresh', 0],
    ['old', hour],
  ])('an unknown kid is an outage, not a refusal, with %s cached keys', async (_, age) => {
    await keySet.keyOf('first')
    outage = new LineUnavailable('LINE did not answer', { retryAfter: 1 })
    time += age
    expect(await unknown('second')).toBe(outage)
    outage = undefined
    published = [jwk('second')]
    time += 1_000
    expect(await keySet.keyOf('second')).toBeDefined()
  })

  it.each([
    ['an empty list', { keys: [] }],
    ['only keys that we cannot use', { keys: [{ kty: 'RSA', kid: 'first', n: 'AQAB', e: 'AQAB' }] }],
    ['no list', { keys: {} }],
    ['an empty body', undefined],
  ])('and LINE answers with %s: cached keys are used, an unknown kid is an outage', async (_, body) => {
    const broken = createKeySet(
      async () => (fetches++ === 0 ? fetchCerts() : { status: 200, body, lineRequestId: 'abc' }),
      () => time,
    )
    await broken.keyOf('first')
    time += hour
    const search = Promise.resolve(broken.keyOf('second'))
    expect(await broken.keyOf('first')).toBeDefined()
    expect(await rejectionOf(search)).toMatchObject({ code: 'LINE_UNAVAILABLE', lineRequestId: 'abc' })
  })
})

describe('the keys that LINE publishes', () => {
  it('keys of other kinds and invalid keys are skipped', async () => {
    const { x, y } = jwk('')
    published = [
      null,
      7,
      'EC',
      [],
      {},
      { kty: 'RSA', kid: 'rsa', n: 'AQAB', e: 'AQAB' },
      { kty: 'oct', kid: 'oct', k: 'c2VjcmV0' },
      { kty: 'EC', crv: 'P-384', kid: 'p384', x, y },
      { kty: 'EC', crv: 'P-256', kid: 7, x, y },
      { kty: 'EC', crv: 'P-256', x, y },
      { kty: 'EC', crv: 'P-256', kid: 'no-y', x },
      { kty: 'EC', crv: 'P-256', kid: 'number', x: 7, y },
      { kty: 'EC', crv: 'P-256', kid: 'off-curve', x: y, y: x },
      { kty: 'EC', crv: 'P-256', kid: 'empty', x: '', y: '' },
      jwk('good'),
    ]
    expect(await keySet.keyOf('good')).toBeDefined()
    for (const kid of ['rsa', 'oct', 'p384', '7', 'undefined', 'no-y', 'number', 'off-curve', 'empty']) {
      time += 10_000
      expect(await keySet.keyOf(kid)).toBeUndefined()
    }
  })

  it('a key is imported as a public ES256 key, and its other members are ignored', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    published = [
      { ...privateKey.export({ format: 'jwk' }), kid: 'private', alg: 'none', use: 'enc', key_ops: ['sign'] },
    ]
    expect(await keySet.keyOf('private')).toMatchObject({ type: 'public', asymmetricKeyType: 'ec' })
  })

  it.each(['x', 'y'] as const)('a coordinate of 33 bytes or of less than 32 is accepted: %s', async (name) => {
    const wide = jwk('wide')
    wide[name] = Buffer.concat([Buffer.of(0), Buffer.from(wide[name], 'base64url')]).toString('base64url')
    const short = jwkWithLeadingZero('short', name)
    published = [wide, short]
    expect(await keySet.keyOf('wide')).toBeDefined()
    expect(await keySet.keyOf('short')).toBeDefined()
  })

  it('are fetched from the certs endpoint, with wide coordinates and without', async () => {
    for (const wideCoordinates of [false, true]) {
      const { emulator, line } = await toEmulator()
      emulator.switches.wideCoordinates = wideCoordinates
      const kid = kidOf(emulator.signIdToken({}, 'ES256'))
      const keys = createKeySet(line.certs, () => time)
      expect(await keys.keyOf(kid)).toMatchObject({ type: 'public' })
      expect(emulator.calls.of('certs')).toBe(1)
    }
  })
})

/** The error of a look-up that has no answer. */
function unknown(kid: string): Promise<unknown> {
  return rejectionOf(Promise.resolve(keySet.keyOf(kid)))
}

/** Resolves when a fetch that is under way has ended. */
async function fetched(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate)
}

function hang(): Promise<never> {
  fetches += 1
  return new Promise(() => {})
}

async function fetchCerts() {
  fetches += 1
  const keys = published
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  if (outage) throw outage
  return { status: 200, body: { keys }, lineRequestId: undefined }
}

function jwk(kid: string) {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  return { kty: 'EC', alg: 'ES256', use: 'sig', kid, crv: 'P-256', x, y }
}

/** One key in 256 has a coordinate that begins with a zero byte. This one is published without that byte. */
function jwkWithLeadingZero(kid: string, name: 'x' | 'y') {
  for (;;) {
    const key = jwk(kid)
    const bytes = Buffer.from(key[name], 'base64url')
    if (bytes[0] === 0) return { ...key, [name]: bytes.subarray(1).toString('base64url') }
  }
}

function kidOf(idToken: string): string {
  const { kid } = JSON.parse(Buffer.from(idToken.split('.')[0] ?? '', 'base64url').toString())
  return kid
}
