import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { freePort } from '../harness/free-port.ts'
import { localhostCertificate, localhostKey } from '../harness/localhost-certificate.ts'
import { describeWithRedis, type RedisServer, startRedis } from '../harness/redis.ts'

describeWithRedis('Redis with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'))
  const trusted = getCACertificates('default')
  const lines: string[] = []
  let server: RedisServer
  let redis: Redis | undefined
  let port = 0

  beforeAll(async () => {
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
    writeFileSync(certificate, localhostCertificate)
    writeFileSync(key, localhostKey)
    port = await freePort()
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key]
    server = await startRedis('--tls-port', `${port}`, '--tls-auth-clients', 'no', ...files)
  })

  afterEach(async () => {
    await redis?.close()
    setDefaultCACertificates(trusted)
    lines.length = 0
  })

  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  it('rediss:// with a certificate that the process trusts: connected', async () => {
    setDefaultCACertificates([...trusted, localhostCertificate])
    redis = connect(`rediss://localhost:${port}`)
    await expect.poll(() => redis?.read(['k'])).toEqual([undefined])
    expect(lines.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  it.each([
    ['an unknown certificate', false, () => `rediss://localhost:${port}`, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['a certificate of another name', true, () => `rediss://127.0.0.1:${port}`, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('%s: away, and one error line a connection', async (_, isTrusted, url, word) => {
    if (isTrusted) setDefaultCACertificates([...trusted, localhostCertificate])
    redis = connect(url())
    await expect.poll(() => errors().length).toBe(2)
    expect(await redis.read(['k'])).toBe('away')
    expect(errors().map(({ setting, error }) => [setting, error])).toEqual(Array(2).fill(['REDIS_URL', word]))
    expect(lines.join()).not.toMatch(/localhost|127\.0\.0\.1/)
  })

  it('rediss:// to a port without TLS, redis:// to one with TLS: away', async () => {
    for (const url of [`rediss://localhost:${server.port}`, `redis://localhost:${port}`]) {
      redis = connect(url)
      expect(await redis.read(['k'])).toBe('away')
      await redis.close()
    }
  })

  function connect(url: string): Redis {
    const destination = { write: (line: string) => void lines.push(line) }
    return createRedis(url, { telemetry: createTelemetry({ logLevel: 'info', destination }), lookUpMs: 20_000 })
  }

  function errors(): { setting: string; error: string }[] {
    return lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
  }
})
