import { execFileSync } from 'node:child_process'
import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { exchange } from '../harness/faces.ts'
import { jsonOf } from '../harness/forms.ts'
import { freePort } from '../harness/free-port.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { expectKnownLines } from '../harness/log-lines.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { ask, childrenOf, isAlive, useWorkers } from '../harness/workers.ts'

describeWithRedis('WORKERS in trouble', () => {
  const workers = useWorkers()

  test('kill -9 of a worker: it is replaced, requests go on, and no counter goes down', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    expect(await metric('gateway_operations_total')).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGKILL')
    await expect.poll(() => childrenOf(program).includes(first), { timeout: 60_000 }).toBe(false)
    for (let n = 0; n < 20; n += 1) expect(await ask(url, token)).toBe('Sakura Tanaka')
    await expect.poll(() => childrenOf(program).length, { timeout: 60_000 }).toBe(2)
    expect(await metric('gateway_operations_total')).toBe(70)
    expect(await metric('gateway_workers_ended_total{how="SIGKILL"}')).toBe(1)
    expect(program.out()).toMatch(/"how":"SIGKILL".*a worker ended/)
    expectKnownLines(program.out(), 'listening', 'workerEnded')
  }, 180_000)

  test('a worker that hangs: /metrics has its last counts, new connections go to the other one', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    expect(await metric('gateway_operations_total')).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGSTOP')
    // Up to two connections can be on the way to a worker that has just stopped.
    const answers = Array.from({ length: 20 }, () => ask(url, token))
    let answered = 0
    for (const answer of answers) answer.then(() => (answered += 1)).catch(() => {})
    await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThanOrEqual(18)
    expect(await metric('gateway_operations_total')).toBeGreaterThanOrEqual(68)
    expect(await metric('gateway_workers_silent')).toBe(1)
    process.kill(first, 'SIGCONT')
    await Promise.all(answers)
    expect(await metric('gateway_operations_total')).toBe(70)
    expect(await metric('gateway_workers_silent')).toBe(0)
  }, 180_000)

  test('a worker that always ends at once: ever longer pauses, the primary stays, and its stop is clean', async () => {
    const { program } = await workers.start({ METRICS_PORT: '' })
    for (let failures = 1; failures <= 3; failures += 1) {
      await expect.poll(() => childrenOf(program).length, { timeout: 60_000 }).toBe(2)
      process.kill(childrenOf(program)[1] ?? 0, 'SIGKILL')
      await program.printed(new RegExp(`"failures":${failures},"pauseMs":${100 * 2 ** (failures - 1)}`))
    }
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  }, 180_000)

  test('workers that are replaced while the key file is broken: they sign with the keys from before, and take new ones', async () => {
    const file = writeKeyFile({ kid: 'before' })
    const settings = { SIGNING_KEYS_FILE: file.path, PUBLIC_URL: 'https://gateway.example' }
    const { program, url } = await workers.start(settings)
    const [token, before] = [workers.issueToken(), file.keys()[0]]
    const kidNow = async () => decodeProtectedHeader(String(jsonOf(await exchange({ url }, token)).access_token)).kid
    const failed = () => program.out().split('SIGNING_KEYS_FILE: has changed and cannot be used').length - 1
    file.write([{ kty: 'oct' }])
    await expect.poll(failed, { timeout: 60_000 }).toBe(2)
    const old = childrenOf(program)
    for (const pid of old) process.kill(pid, 'SIGKILL')
    await expect.poll(failed, { timeout: 60_000 }).toBe(4)
    for (let n = 0; n < 10; n += 1) expect(await kidNow()).toBe('before')
    const replaced = childrenOf(program)
    expect(replaced.filter((pid) => old.includes(pid))).toEqual([])
    const seen =
      execFileSync('ps', ['eww', '-p', replaced.join()], { encoding: 'utf8' }) + program.out() + program.err()
    expect(seen).toContain('SIGNING_KEYS_FILE')
    expect(seen).not.toContain(before?.d)

    file.write([{ ...before, kid: 'after' }])
    await expect.poll(() => program.out().match(/its keys are in use/g)?.length, { timeout: 60_000 }).toBe(2)
    expect(childrenOf(program)).toEqual(replaced)
    file.remove()
  }, 180_000)

  test('a key file that is bad at the start: refused by the primary, with exit code 1', async () => {
    const file = writeKeyFile({ retired_at: 1 })
    const program = workers.run({ SIGNING_KEYS_FILE: file.path, PUBLIC_URL: 'https://gateway.example' })
    expect(await program.ended).toBe(1)
    expect(program.err()).toContain('SIGNING_KEYS_FILE: no key signs now')
    file.remove()
  }, 180_000)

  test('kill -9 of the primary: the workers drain and end by themselves', async () => {
    const { program } = await workers.start()
    const children = childrenOf(program)
    program.process.kill('SIGKILL')
    await expect.poll(() => children.some(isAlive), { timeout: 60_000 }).toBe(false)
  }, 180_000)

  test('the port is in use: the message and exit code of a single process', async () => {
    const PORT = String(await freePort())
    await workers.start({ PORT, WORKERS: '1', METRICS_PORT: '' })
    const second = workers.run({ PORT })
    expect(await second.ended).toBe(1)
    expect(second.err()).toBe('PORT or METRICS_PORT: another process uses this port\n')
  }, 180_000)
})
