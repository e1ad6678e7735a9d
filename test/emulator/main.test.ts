import { join } from 'node:path'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { demoChannels } from '../../src/emulator/emulator.ts'
import { readPort } from '../../src/emulator/port.ts'
import { useEmulator } from '../harness/emulator-client.ts'
import { project, usePrograms } from '../harness/programs.ts'

const { emulator } = useEmulator()
const programs = usePrograms()

test('prints its URL, channels and tokens that work; SIGTERM, once or twice, ends it with exit code 0', async () => {
  const program = start('0')
  await program.printed(/Refresh token:/)
  const [url, token] = [/http:\S+/, /Access token: +(\S+)/].map((pattern) => pattern.exec(program.out())?.at(-1))
  const { statusCode, body } = await request(`${url}/v2/profile`, { headers: { authorization: `Bearer ${token}` } })
  expect([statusCode, await body.json()]).toMatchObject([200, { displayName: 'Sakura Tanaka' }])
  for (const { id, secret } of demoChannels) expect(program.out()).toContain(`${id}  ${secret}`)
  for (let n = 0; n < 2; n += 1) program.kill('SIGTERM')
  expect(await program.ended).toBe(0)
})

test.each(['x', '65536', '-1', '1.5'])('EMULATOR_PORT=%s: refused', (port) => {
  expect(() => readPort(port)).toThrow(/^EMULATOR_PORT must be a port number/)
})

test('a wrong EMULATOR_PORT: one line that names the setting, and exit code 1', async () => {
  const program = start('65536')
  expect(await program.ended).toBe(1)
  expect(program.err()).toMatch(/^EMULATOR_PORT must be a port number.*\n$/)
})

test('a port in use: one line that names the setting, and exit code 1', async () => {
  const program = start(new URL(emulator().url).port)
  expect(await program.ended).toBe(1)
  expect(program.err()).toMatch(/^Port \d+ is in use.*EMULATOR_PORT.*\n$/)
})

function start(port: string) {
  return programs.start(process.execPath, [join(project, 'src/emulator/main.ts')], { EMULATOR_PORT: port })
}
