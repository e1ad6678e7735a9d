import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'
import { createKeySet, type KeySet } from '../../src/line/key-set.ts'
import { rejectionOf, startMs, useTransports } from '../harness/line-transport.ts'

const { toEmulator } = useTransports()

const hour = 60 * 60 * 1_000

let time = startMs
let fetches = 0
let published: unknown[] = []
let outage: Error | undefined
let keySet: KeySet

beforeEach(() => {
  time = startMs
  fetches = 0
  published = [jwk('first')]
  outage = undefined
  keySet = createKeySet(fetchCerts, () => time)
})

describe('keys', () => {
  it('are fetched at the first use: one fetch for 100 look-ups at once', async () => {
    expect(fetches).toBe(0)
    const keys = await Promise.all(Array.from({ length: 100 }, () => keySet.keyOf('first')))
    expect(keys.every((key) => key?.type === 'public')).toBe(true)
    expect(fetches).toBe(1)
  })

  it('are cached for an hour and then fetched again', async () => {
    await keySet.keyOf('first')
    time += hour - 1
    await keySet.keyOf('first')
    expect(fetches).toBe(1)
    time += 1
    await keySet.keyOf('first')
    expect(fetches).toBe(2)
  })

  it('that LINE withdrew are removed after the hour', async () => {
    await keySet.keyOf('first')
    published = [jwk('second')]
    expect(await keySet.keyOf('first')).toBeDefined()
    time += hour
    expect(await keySet.keyOf('first')).toBeUndefined()
  })

  it('are fetched again if the clock was set back by more than an hour', async () => {
    await keySet.keyOf('first')
    time -= 24 * hour
    await keySet.keyOf('first')
    expect(fetches).toBe(2)
  })
})

describe('an unknown kid', () => {
  it('causes one fetch, and is found if LINE has a new key', async () => {
    await keySet.keyOf('first')
    published = [jwk('first'), jwk('second')]
    expect(await keySet.keyOf('second')).toBeDefined()
    expect(fetches).toBe(2)
  })

  it('causes one fetch in 30 seconds, for many at once and many in a row', async () => {
    await keySet.keyOf('first')
    await Promise.all(Array.from({ length: 200 }, (_, nth) => keySet.keyOf(`junk-${nth}`)))
    for (let nth = 0; nth < 50; nth++) expect(await keySet.keyOf(`more-${nth}`)).toBeUndefined()
    expect(fetches).toBe(2)
    time += 30_000 - 1
    await keySet.keyOf('junk')
    expect(fetches).toBe(2)
    time += 1
    await Promise.all([keySet.keyOf('junk'), keySet.keyOf('junk')])
    expect(fetches).toBe(3)
  })

  it('as the first kid of all: one fetch', async () => {
    expect(await keySet.keyOf('junk')).toBeUndefined()
    expect(fetches).toBe(1)
  })

  it('does not delay a look-up of a known kid', async () => {
    await keySet.keyOf('first')
    const never = createKeySet(
      () => (fetches++ === 1 ? fetchCerts() : new Promise(() => {})),
      () => time,
    )
    await never.keyOf('first')
    const search = never.keyOf('junk')
    expect(await never.keyOf('first')).toBeDefined()
    expect(await Promise.race([search, 'still searching'])).toBe('still searching')
  })

  it.each(['__proto__', 'constructor', ''])('%j: undefined', async (kid) => {
    expect(await keySet.keyOf(kid)).toBeUndefined()
  })
})

describe('while LINE is down', () => {
  it('without cached keys: an outage, until LINE is back', async () => {
    outage = new LineUnavailable('LINE did not answer')
    expect(await rejectionOf(keySet.keyOf('first'))).toBe(outage)
    outage = new LineRateLimited({ retryAfter: 5 })
    expect(await rejectionOf(keySet.keyOf('first'))).toBe(outage)
    outage = undefined
    expect(await keySet.keyOf('first')).toBeDefined()
  })

  it('cached keys are used, also after a day, and fetched again as soon as LINE is back', async () => {
    await keySet.keyOf('first')
    outage = new LineUnavailable('LINE did not answer')
    time += 24 * hour
    expect(await keySet.keyOf('first')).toBeDefined()
    outage = undefined
    published = [jwk('second')]
    expect(await keySet.keyOf('second')).toBeDefined()
    expect(await keySet.keyOf('first')).toBeUndefined()
  })

  it.each([
    ['fresh', 0],
    ['old', hour],
  ])('an unknown kid is an outage, not a refusal, with %s cached keys', async (_, age) => {
    await keySet.keyOf('first')
    outage = new LineUnavailable('LINE did not answer')
    time += age
    expect(await rejectionOf(keySet.keyOf('second'))).toBe(outage)
    outage = undefined
    published = [jwk('second')]
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
    expect(await broken.keyOf('first')).toBeDefined()
    expect(await rejectionOf(broken.keyOf('second'))).toMatchObject({ code: 'LINE_UNAVAILABLE', lineRequestId: 'abc' })
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
      expect(await keySet.keyOf(kid)).toBeUndefined()
    }
  })

  it('a key is imported as a public ES256 key, and its other members are ignored', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    published = [
      { ...privateKey.export({ format: 'jwk' }), kid: 'private', alg: 'none', use: 'enc', key_ops: ['sign'] },
    ]
    expect(await keySet.keyOf('private')).toMatchObject({ type: 'public', usages: ['verify'] })
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

async function fetchCerts() {
  fetches += 1
  await new Promise(setImmediate)
  if (outage) throw outage
  return { status: 200, body: { keys: published }, lineRequestId: undefined }
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
