import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { demoChannels } from '../../src/emulator/emulator.ts'
import { readPort } from '../../src/emulator/port.ts'
import { useEmulator } from '../harness/emulator-client.ts'

const { emulator } = useEmulator()
const main = fileURLToPath(new URL('../../src/emulator/main.ts', import.meta.url))

test('prints its URL, channels and tokens that work; SIGTERM, once or twice, ends it with exit code 0', async () => {
  const program = start('0')
  await expect.poll(() => program.output(), { timeout: 30_000 }).toContain('Refresh token:')
  const [url, token] = [/http:\S+/, /Access token: +(\S+)/].map((pattern) => pattern.exec(program.output())?.at(-1))
  const { statusCode, body } = await request(`${url}/v2/profile`, { headers: { authorization: `Bearer ${token}` } })
  expect([statusCode, await body.json()]).toMatchObject([200, { displayName: 'Sakura Tanaka' }])
  for (const { id, secret } of demoChannels) expect(program.output()).toContain(`${id}  ${secret}`)
  for (let n = 0; n < 2; n += 1) program.process.kill('SIGTERM')
  expect(await program.code).toBe(0)
})

test.each(['x', '65536', '-1', '1.5'])('EMULATOR_PORT=%s: refused', (port) => {
  expect(() => readPort(port)).toThrow(/^EMULATOR_PORT must be a port number/)
})

test('a wrong EMULATOR_PORT: one line that names the setting, and exit code 1', async () => {
  const program = start('65536')
  expect(await program.code).toBe(1)
  expect(program.output()).toMatch(/^EMULATOR_PORT must be a port number.*\n$/)
})

test('a port in use: one line that names the setting, and exit code 1', async () => {
  const program = start(new URL(emulator().url).port)
  expect(await program.code).toBe(1)
  expect(program.output()).toMatch(/^Port \d+ is in use.*EMULATOR_PORT.*\n$/)
})

function start(port: string) {
  const child = spawn(process.execPath, [main], { env: { ...process.env, EMULATOR_PORT: port } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const code = new Promise((resolve) => child.on('close', resolve))
  return { process: child, output: () => output, code }
}
