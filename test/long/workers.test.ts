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

/** A count is there when its worker has told it, and a busy worker may be asked twice for that. */
const within = { timeout: 120_000 }

describeWithRedis('WORKERS in trouble', () => {
  const workers = useWorkers()

  test('kill -9 of a worker: it is replaced, requests go on, and no counter goes down', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    await expect.poll(() => metric('gateway_operations_total'), within).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGKILL')
    await expect.poll(() => childrenOf(program).includes(first), within).toBe(false)
    for (let n = 0; n < 20; n += 1) expect(await ask(url, token)).toBe('Sakura Tanaka')
    await expect.poll(() => childrenOf(program).length, within).toBe(2)
    await expect.poll(() => metric('gateway_operations_total'), within).toBe(70)
    expect(await metric('gateway_workers_ended_total{how="SIGKILL"}')).toBe(1)
    await program.printed(/"how":"SIGKILL".*a worker ended/)
    expectKnownLines(program.out(), 'listening', 'workerEnded')
  })

  test('a worker that hangs: /metrics has its last counts, new connections go to the other one', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    await expect.poll(() => metric('gateway_operations_total'), within).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGSTOP')
    // Up to two connections can be on the way to a worker that has just stopped.
    const answers = Array.from({ length: 20 }, () => ask(url, token))
    let answered = 0
    for (const answer of answers) answer.then(() => (answered += 1)).catch(() => {})
    await expect.poll(() => answered, within).toBeGreaterThanOrEqual(18)
    await expect.poll(() => metric('gateway_operations_total'), within).toBeGreaterThanOrEqual(68)
    await expect.poll(() => metric('gateway_workers_silent'), within).toBe(1)
    process.kill(first, 'SIGCONT')
    await Promise.all(answers)
    await expect.poll(() => metric('gateway_operations_total'), within).toBe(70)
    await expect.poll(() => metric('gateway_workers_silent'), within).toBe(0)
  })

  test('a worker that always ends at once: ever longer pauses, the primary stays, and its stop is clean', async () => {
    const { program } = await workers.start({ METRICS_PORT: '' })
    const [first = 0] = childrenOf(program)
    const killOther = () => {
      for (const pid of childrenOf(program)) if (pid !== first) process.kill(pid, 'SIGKILL')
      return program.out()
    }
    await expect.poll(killOther, within).toContain('"failures":3,')
    const pauses = new Set(program.out().match(/"failures":\d+,"pauseMs":\d+/g))
    // A worker that has lived for ten seconds, which a busy machine can need for the start, has not failed at its start.
    pauses.delete('"failures":0,"pauseMs":0')
    expect([...pauses]).toEqual([1, 2, 3].map((n) => `"failures":${n},"pauseMs":${100 * 2 ** (n - 1)}`))
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  })

  test('workers that are replaced while the key file is broken: they sign with the keys from before, and take new ones', async () => {
    const file = writeKeyFile({ kid: 'before' })
    const settings = { SIGNING_KEYS_FILE: file.path, PUBLIC_URL: 'https://gateway.example' }
    const { program, url } = await workers.start(settings)
    const [token, before] = [workers.issueToken(), file.keys()[0]]
    const kidNow = async () => decodeProtectedHeader(String(jsonOf(await exchange({ url }, token)).access_token)).kid
    const failed = () => program.out().split('SIGNING_KEYS_FILE: has changed and cannot be used').length - 1
    file.write([{ kty: 'oct' }])
    await expect.poll(failed, within).toBe(2)
    const old = childrenOf(program)
    for (const pid of old) process.kill(pid, 'SIGKILL')
    await expect.poll(failed, within).toBe(4)
    for (let n = 0; n < 10; n += 1) expect(await kidNow()).toBe('before')
    const replaced = childrenOf(program)
    expect(replaced.filter((pid) => old.includes(pid))).toEqual([])
    const seen =
      execFileSync('ps', ['eww', '-p', replaced.join()], { encoding: 'utf8' }) + program.out() + program.err()
    expect(seen).toContain('SIGNING_KEYS_FILE')
    expect(seen).not.toContain(before?.d)

    file.write([{ ...before, kid: 'after' }])
    await expect.poll(() => program.out().match(/its keys are in use/g)?.length, within).toBe(2)
    expect(childrenOf(program)).toEqual(replaced)
    file.remove()
  })

  test('a key file that is bad at the start: refused by the primary, with exit code 1', async () => {
    const file = writeKeyFile({ retired_at: 1 })
    const program = workers.run({ SIGNING_KEYS_FILE: file.path, PUBLIC_URL: 'https://gateway.example' })
    expect(await program.ended).toBe(1)
    expect(program.err()).toContain('SIGNING_KEYS_FILE: no key signs now')
    file.remove()
  })

  test('kill -9 of the primary: the workers drain and end by themselves', async () => {
    const { program } = await workers.start()
    const children = childrenOf(program)
    program.process.kill('SIGKILL')
    await expect.poll(() => children.some(isAlive), within).toBe(false)
  })

  test('the port is in use: the message and exit code of a single process', async () => {
    const PORT = String(await freePort())
    await workers.start({ PORT, WORKERS: '1', METRICS_PORT: '' })
    const second = workers.run({ PORT })
    expect(await second.ended).toBe(1)
    expect(second.err()).toBe('PORT or METRICS_PORT: another process uses this port\n')
  })
})
