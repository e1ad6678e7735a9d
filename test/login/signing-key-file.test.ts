import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkKeyFile, type KeySource, watchKeyFile } from '../../src/login/signing-key-file.ts'
import { START_MS } from '../harness/channels.ts'
import { keySetText, privateJwk } from '../harness/signing-keys.ts'

const [first, second] = [privateJwk('ES256', { kid: 'first' }), privateJwk('ES256', { kid: 'second' })]
const everyMs = 5

let folder: string
let file: string
let source: KeySource | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'))
  file = join(folder, 'keys.json')
  await writeFile(file, keySetText(first), { mode: 0o600 })
})
afterEach(async () => {
  source?.close()
  await rm(folder, { recursive: true })
})

function watch(path = file, lastGood?: string) {
  const clock = { now: START_MS, isBroken: false }
  const seen = { taken: 0, refused: [] as (readonly string[])[] }
  const failures: unknown[] = []
  const started = watchKeyFile({
    path,
    wall: () => {
      if (clock.isBroken) throw new TypeError('a bug')
      return clock.now
    },
    taken: () => (seen.taken += 1),
    refused: (problems) => seen.refused.push(problems),
    failed: (error) => failures.push(error),
    lastGood,
    everyMs,
  })
  source = started
  return { clock, seen, failures, kids: () => started.keys().map(({ kid }) => kid) }
}

const soon = { timeout: 30_000, interval: 5 }

it('an unexpected error: reported, the old keys stay in use, and the file is read again', async () => {
  const { clock, failures, kids } = watch()
  clock.isBroken = true
  await writeFile(file, keySetText(second))
  await expect.poll(() => failures.length, soon).toBeGreaterThan(1)
  expect([failures[0], kids()]).toEqual([new TypeError('a bug'), ['first']])
  clock.isBroken = false
  await expect.poll(kids, soon).toEqual(['second'])
})

describe('a change is seen', () => {
  it('of the content', async () => {
    const { kids, seen } = watch()
    await writeFile(file, keySetText(first, second))
    await expect.poll(kids, soon).toEqual(['first', 'second'])
    expect(seen.taken).toBeGreaterThan(0)
  })

  it('by a rename', async () => {
    const { kids, seen } = watch()
    await writeFile(`${file}.new`, keySetText(second))
    await rename(`${file}.new`, file)
    await expect.poll(kids, soon).toEqual(['second'])
    expect(seen).toEqual({ taken: 1, refused: [] })
  })

  it('by a swap of the link on its way, as Kubernetes does it', async () => {
    for (const [name, key] of [['..1', first] as const, ['..2', second] as const]) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'mounted.json'), keySetText(key))
    }
    await symlink('..1', join(folder, '..data'))
    await symlink('..data/mounted.json', join(folder, 'mounted.json'))
    const { kids, seen } = watch(join(folder, 'mounted.json'))
    expect(kids()).toEqual(['first'])
    await symlink('..2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await expect.poll(kids, soon).toEqual(['second'])
    expect(seen).toEqual({ taken: 1, refused: [] })
  })
})

describe('a bad file', () => {
  it.each<[string, () => Promise<void>, RegExp]>([
    ['broken JSON', () => replace('{"keys":['), /^is not JSON/],
    ['an empty set', () => replace(keySetText()), /^keys: is empty/],
    ['no key that signs', () => replace(keySetText({ ...second, retired_at: 1 })), /^no key signs now/],
    ['a missing file', () => rm(file), /^can't be read/],
    ['a folder', () => rm(file).then(() => mkdir(file)), /^can't be read/],
  ])('%s: the old keys stay, and it is reported once', async (_, spoil, problem) => {
    const { kids, seen } = watch()
    await spoil()
    await expect.poll(() => seen.refused.length, soon).toBe(1)
    await sleep(10 * everyMs)
    expect(kids()).toEqual(['first'])
    expect(seen).toEqual({ taken: 0, refused: [[expect.stringMatching(problem)]] })
  })

  it('not repaired: reported again after each ten minutes, so that its alert does not end', async () => {
    const { kids, seen, clock } = watch()
    await replace('{')
    await expect.poll(() => seen.refused.length, soon).toBe(1)
    for (const reports of [2, 3]) {
      clock.now += 10 * 60_000 - 1
      await sleep(10 * everyMs)
      expect(seen.refused).toHaveLength(reports - 1)
      clock.now += 1
      await expect.poll(() => seen.refused.length, soon).toBe(reports)
    }
    expect(new Set(seen.refused.map((problems) => problems.join())).size).toBe(1)
    expect(kids()).toEqual(['first'])
  })

  it('repaired: its keys are taken, and another fault is reported again', async () => {
    const { kids, seen } = watch()
    await replace('{')
    await expect.poll(() => seen.refused.length, soon).toBe(1)
    await replace(keySetText(second))
    await expect.poll(kids, soon).toEqual(['second'])
    await replace('{')
    await expect.poll(() => seen.refused.length, soon).toBe(2)
  })

  it('whose key signs later: taken at that time without another change', async () => {
    const { kids, seen, clock } = watch()
    await replace(keySetText({ ...second, signing_at: START_MS / 1_000 + 60 }))
    await expect.poll(() => seen.refused.length, soon).toBe(1)
    clock.now += 60_000
    await expect.poll(kids, soon).toEqual(['second'])
  })

  it('at the start: it throws, and the message quotes nothing', () => {
    expect(() => watch(join(folder, 'canary'))).toThrow(/^can't be read: expected the path of a readable file$/)
    expect(() => watch(folder)).toThrow(/^can't be read/)
  })

  it('at the start, with a text that was good: its keys, one report, and the file once it is repaired', async () => {
    await replace('{')
    const { kids, seen } = watch(file, keySetText({ ...second, retired_at: 1 }))
    expect(kids()).toEqual(['second'])
    expect(seen).toEqual({ taken: 0, refused: [[expect.stringMatching(/^is not JSON/)]] })
    await replace(keySetText(first))
    await expect.poll(kids, soon).toEqual(['first'])
    expect(seen).toMatchObject({ taken: 1, refused: { length: 1 } })
  })

  it('a good file at the start, with a text that was good: the file', () => {
    expect(watch(file, keySetText(second)).kids()).toEqual(['first'])
  })

  /** In one step, so that no half file is seen. */
  async function replace(text: string): Promise<void> {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }
})

describe('the check before the start', () => {
  it.each([
    ['600', false],
    ['400', false],
    ['640', true],
    ['604', true],
    ['644', true],
  ])('mode %s: a warning: %s', async (mode, warns) => {
    await chmod(file, Number.parseInt(mode, 8))
    const { problems, warnings } = checkKeyFile(file, () => START_MS)
    expect([problems, warnings.length]).toEqual([[], warns ? 1 : 0])
  })

  it('a bad file: its problems, and no warning', async () => {
    await writeFile(file, keySetText({ kty: 'oct', k: 'canary' }))
    expect(checkKeyFile(file)).toEqual({ problems: [expect.stringMatching(/^keys\[0\]\.kty: /)], warnings: [] })
    expect(checkKeyFile(join(folder, 'canary'))).toEqual({
      problems: ["can't be read: expected the path of a readable file"],
      warnings: [],
    })
  })
})
