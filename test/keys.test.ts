import { execFileSync } from 'node:child_process'
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runKeys } from '../src/keys/command.ts'
import { rotateKeyFile } from '../src/keys/rotation.ts'
import { parseSigningKeys } from '../src/login/signing-key-set.ts'
import { isServedAt, signerAt } from '../src/login/signing-key-states.ts'
import { project, startProgram } from './harness/programs.ts'
import { keySetText, privateJwk } from './harness/signing-keys.ts'

type Entry = Readonly<Record<string, string>>

const hour = 3_600_000
let folder: string
let made = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

const newPath = () => join(folder, `keys-${++made}.json`)
const entriesOf = async (path: string) => JSON.parse(await readFile(path, 'utf8')).keys as Entry[]
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

const lockOf = (path: string) => `${path}.rotating`
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

function run(...words: readonly string[]) {
  return runIn({}, ...words)
}

async function runIn(env: NodeJS.ProcessEnv, ...words: readonly string[]) {
  const program = startProgram(process.execPath, [join(project, 'src/keys.ts'), ...words], env)
  return { code: await program.ended, out: program.out(), err: program.err() }
}

async function written(text: string, mode = 0o600): Promise<string> {
  const path = newPath()
  await writeFile(path, text, { mode })
  return path
}

describe('npm run keys new', () => {
  it('several at once: one makes the file, with mode 600, and the others say that it is there', async () => {
    const path = newPath()
    const all = await Promise.all([
      run('new', path, '--alg', 'ES256'),
      run('new', path, 'ES256'),
      // In a folder below the project, with the algorithm first, as npm passes it on.
      runIn({ INIT_CWD: folder, npm_lifecycle_event: 'keys' }, 'new', 'ES256', basename(path)),
    ])
    expect(all.map(({ code }) => code).sort()).toEqual([0, 1, 1])
    for (const { err } of all.filter(({ code }) => code === 1)) expect(err).toContain('is there already')
    expect(await modeOf(path)).toBe('600')
    expect((await readdir(folder)).filter((name) => name.includes('.tmp'))).toEqual([])
    const [key, ...others] = parseSigningKeys(await readFile(path, 'utf8'))
    expect(others).toEqual([])
    expect(key?.alg).toBe('ES256')
    // The clock of a gateway can be behind.
    expect(signerAt([key as never], Date.now() - 60_000)).toBe(key)
    const [entry] = await entriesOf(path)
    for (const { out, err } of all) for (const member of [entry?.d, entry?.x]) expect(out + err).not.toContain(member)
    expect(entry?.published_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(await readFile(path, 'utf8')).toMatch(/^\{\n {2}"keys": \[\n/)
  })

  it('no word: exit code 2 and the usage', async () => {
    const usage = expect.stringMatching(
      /^Say what to do: new or rotate.*\n\nUsage:\n {2}npm run keys new FILE \[-- --alg/,
    )
    expect(await run()).toEqual({ code: 2, out: '', err: usage })
  })

  it.each<[string, string[], number, RegExp]>([
    ['--help', ['--help'], 0, /^Usage:/],
    ['no word', [], 2, /^Say what to do: new or rotate/],
    ['an unknown word', ['canary'], 2, /^Say what to do/],
    ['no file', ['rotate'], 2, /^Name the file/],
    ['an unknown option', ['new', 'x', '--canary'], 2, /^There is an option/],
    ['HS256', ['new', 'x', '--alg', 'HS256'], 2, /^The algorithm must be/],
    ['too many words', ['new', 'x', 'ES256', 'y'], 2, /^There are too many/],
    ['a folder that is not there', ['new', '/nowhere/keys.json'], 1, /no such file or folder/],
    ['a folder', ['new', tmpdir(), 'ES256'], 1, /is a folder: name a file in it/],
    ['a folder to rotate', ['rotate', tmpdir()], 1, /is a folder/],
    ['nothing to rotate', ['rotate', '/nowhere/keys.json'], 1, /no such file or folder/],
  ])('%s: exit code and hint', async (_, words, code, hint) => {
    const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockReturnValue(true))
    const caller = { command: 'npm run keys', dashes: '-- ', folder } as const
    const exitCode = await runKeys(words, caller)
    const text = streams.flatMap(({ mock }) => mock.calls.map(([some]) => some)).join('')
    vi.restoreAllMocks()
    expect(exitCode).toBe(code)
    expect(text).toMatch(hint)
    expect(text).not.toMatch(/canary|^ +at /m)
  })
})

describe('npm run keys rotate', () => {
  const now = Date.UTC(2026, 5, 1)
  const at = (time: number) => new Date(time).toISOString().replace('.000Z', 'Z')
  /** What passes until the new key signs: ten minutes are for the way of the file to the gateways and for caches. */
  const wait = 2 * hour + 600_000

  it('adds a key of the same algorithm that signs in a little more than two hours, and retires the present one then', async () => {
    const old = privateJwk('ES256', { kid: 'old', note: 'kept' })
    const path = await written(`\uFEFF${JSON.stringify({ comment: 'kept', keys: [old] })}`, 0o640)
    await chmod(path, 0o640)
    await rotateKeyFile(path, undefined, now)
    const [first, second, ...others] = await entriesOf(path)
    expect(first).toEqual({ ...old, retired_at: at(now + wait) })
    expect(second).toMatchObject({ alg: 'ES256', published_at: at(now), signing_at: at(now + wait) })
    expect(others).toEqual([])
    expect(JSON.parse(await readFile(path, 'utf8')).comment).toBe('kept')
    expect(await modeOf(path)).toBe('640')
  })

  it('at no moment does nothing sign, or a key sign that was published less than two hours before', async () => {
    const path = await written(keySetText(privateJwk()))
    await rotateKeyFile(path, 'ES256', now)
    const keys = parseSigningKeys(await readFile(path, 'utf8'))
    for (let time = now; time < now + 5 * hour; time += 60_000) {
      const signer = signerAt(keys, time)
      expect(signer).toBe(keys[time < now + wait ? 0 : 1])
      if (time >= now + wait) expect(isServedAt(keys[1] as never, time - 2 * hour)).toBe(true)
    }
  })

  it.each([0, 1, 500, 999])(
    '%d ms into a second: the times are whole seconds, and it never signs sooner',
    async (ms) => {
      const path = await written(keySetText(privateJwk()))
      await rotateKeyFile(path, undefined, now + ms)
      const [, added] = await entriesOf(path)
      expect(added).toMatchObject({ published_at: at(now), signing_at: at(now + wait + (ms > 0 ? 1_000 : 0)) })
    },
  )

  it('while a key waits to sign: refused until then, and the file stays', async () => {
    const path = await written(keySetText(privateJwk()))
    await rotateKeyFile(path, undefined, now)
    const before = await readFile(path, 'utf8')
    await expect(rotateKeyFile(path, undefined, now + wait - 1)).rejects.toThrow(`until ${at(now + wait)}`)
    expect(await readFile(path, 'utf8')).toBe(before)
    await rotateKeyFile(path, undefined, now + wait)
    expect(await entriesOf(path)).toHaveLength(3)
  })

  it('drops the keys whose last token has ended', async () => {
    const path = await written(keySetText(privateJwk('ES256', { kid: 'a' })))
    await rotateKeyFile(path, undefined, now)
    await rotateKeyFile(path, undefined, now + 4 * hour)
    expect((await entriesOf(path)).map(({ kid }) => kid)).not.toContain('a')
    expect(await entriesOf(path)).toHaveLength(2)
  })

  it('a signer that would have retired earlier: signs until the new key does', async () => {
    const path = await written(keySetText(privateJwk('ES256', { retired_at: at(now + hour) })))
    await rotateKeyFile(path, undefined, now)
    expect((await entriesOf(path))[0]?.retired_at).toBe(at(now + wait))
  })

  it('keys that were replaced without an end, or end later: no other key signs ever again', async () => {
    const replaced = privateJwk('ES256', { kid: 'replaced' })
    const longer = privateJwk('ES256', {
      kid: 'longer',
      signing_at: at(now - 3 * hour),
      retired_at: at(now + 9 * hour),
    })
    const ended = privateJwk('ES256', { kid: 'ended', signing_at: at(now - 9 * hour), retired_at: at(now - hour) })
    const never = privateJwk('ES256', { kid: 'never', signing_at: at(now + 9 * hour), retired_at: at(now + 9 * hour) })
    const signer = privateJwk('ES256', { kid: 'signer', signing_at: at(now - hour) })
    const path = await written(keySetText(replaced, longer, ended, never, signer))
    const said = await rotateKeyFile(path, undefined, now)
    const retired = (await entriesOf(path)).map(({ retired_at }) => retired_at)
    const end = at(now + wait)
    expect(retired).toEqual([end, end, ended.retired_at, never.retired_at, end, undefined])
    expect(said).toContain(`a new key signs from ${end} on`)
    const keys = parseSigningKeys(await readFile(path, 'utf8')).slice(0, -1)
    expect(signerAt(keys, now + wait - 1)?.kid).toBe('signer')
    for (const later of [wait, 9 * hour, 99 * hour]) expect(signerAt(keys, now + later)).toBeUndefined()
  })

  it('where nothing signs: the new key signs at once, and the text says what that means for caches', async () => {
    const path = await written(keySetText(privateJwk('ES256', { retired_at: at(now - 1) })))
    const said = await rotateKeyFile(path, 'ES256', now)
    expect(said).toContain('may refuse its tokens for up to two hours')
    expect((await entriesOf(path))[0]?.retired_at).toBe(at(now - 1))
    const keys = parseSigningKeys(await readFile(path, 'utf8'))
    // The clock of a gateway can be behind.
    for (const time of [now, now - 60_000]) expect(signerAt(keys.slice(1), time)).toBe(keys[1])
  })

  it('behind a link: the file is replaced, and the link stays', async () => {
    const path = await written(keySetText(privateJwk()))
    const link = newPath()
    await symlink(path, link)
    await rotateKeyFile(link, undefined, now)
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect(await entriesOf(path)).toHaveLength(2)
  })

  it('two at once: one rotates', async () => {
    const path = await written(keySetText(privateJwk()))
    const both = await Promise.allSettled([rotateKeyFile(path, undefined, now), rotateKeyFile(path, undefined, now)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await entriesOf(path)).toHaveLength(2)
    expect(await isThere(lockOf(path))).toBe(false)
  })

  describe('the lock', () => {
    it('of another process: refused, and it stays', async () => {
      const path = await written(keySetText(privateJwk()))
      await writeFile(lockOf(path), '')
      await expect(rotateKeyFile(path, undefined, now)).rejects.toThrow('another rotation is under way')
      expect(await isThere(lockOf(path))).toBe(true)
      expect(await entriesOf(path)).toHaveLength(1)
      await rm(lockOf(path))
    })

    it.each([1, 2])('left over from a crash, older than a minute: taken over, by one of %d', async (rotations) => {
      const path = await written(keySetText(privateJwk()))
      await writeFile(lockOf(path), '')
      await utimes(lockOf(path), new Date(), new Date(Date.now() - 61_000))
      const all = Array.from({ length: rotations }, () => rotateKeyFile(path, undefined, now))
      const done = (await Promise.allSettled(all)).filter(({ status }) => status === 'fulfilled').length
      // Two that take it over within the same moment can both give up.
      expect(done).toBeLessThanOrEqual(1)
      if (rotations === 1) expect(done).toBe(1)
      expect(await entriesOf(path)).toHaveLength(1 + done)
      expect(await isThere(lockOf(path))).toBe(false)
    })

    it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s: removed, and the process ends by it', async (signal) => {
      const path = newPath()
      // A reader of a pipe waits. The second read is under the lock.
      execFileSync('mkfifo', [path])
      const program = startProgram(process.execPath, [join(project, 'src/keys.ts'), 'rotate', path], {})
      await writeFile(path, keySetText(privateJwk()))
      await expect.poll(() => isThere(lockOf(path)), { timeout: 30_000 }).toBe(true)
      program.kill(signal)
      expect([await program.ended, program.process.signalCode]).toEqual([null, signal])
      expect(await isThere(lockOf(path))).toBe(false)
    })
  })

  it('a broken file: the problem without a value, exit code 1, and the file stays', async () => {
    const path = await written(keySetText({ kty: 'oct', k: 'canary' }))
    const { code, err } = await run('rotate', path)
    expect([code, err]).toEqual([1, expect.stringContaining('keys[0].kty: ')])
    expect(err).not.toContain('canary')
    expect(await readFile(path, 'utf8')).toContain('canary')
    expect(await isThere(lockOf(path))).toBe(false)
  })
})
