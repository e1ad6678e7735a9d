import { expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'
import { foreignHosts, loopbackHosts } from '../../harness/host-names.ts'
import { sendRaw, statusesIn } from '../../harness/raw-http.ts'

const { emulator, get } = useEmulator()
const paths = ['/', '/emulator/calls', '/oauth2/v2.1/certs', '/v2/profile']

test.each(foreignHosts.filter((host) => host !== ''))(
  'Host %s: 421 on every path, and no token (D21)',
  async (host) => {
    for (const path of paths) {
      const { status, text } = await get(path, { host })
      expect(status, path).toBe(421)
      expect(text).toMatch(/^\{"message":"The emulator answers only loopback names[^<]{1,60}"\}$/)
    }
  },
)

test('no Host (HTTP/1.0), or a target with another host: 421 (D21)', async () => {
  for (const head of ['GET / HTTP/1.0', 'GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close'])
    expect(statusesIn(await sendRaw(emulator().url, `${head}\r\n\r\n`))).toEqual([421])
})

test('every loopback host: answered (D21)', async () => {
  for (const host of loopbackHosts) expect(await get('/', { host }), host).toMatchObject({ status: 200 })
})
