import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { judgeChanges, parseAccepted } from './changes.ts'

const script = fileURLToPath(new URL('check.ts', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

describe('a change to the schema', () => {
  const released = `
    type Query { viewer(size: Size = SMALL): Viewer token(input: Input!): String! }
    type Viewer { id: ID! name: String }
    enum Size { SMALL LARGE }
    input Input { code: String! }
  `

  it.each([
    ['a field is gone', 'name: String', 'id2: ID', 'Field Viewer.name was removed.'],
    ['a field may be null', 'id: ID!', 'id: ID', 'Field Viewer.id changed type from ID! to ID.'],
    ['a type is gone', 'enum Size { SMALL LARGE }', 'enum Size { SMALL }', 'Enum value Size.LARGE was removed.'],
    ['an argument is gone', '(size: Size = SMALL)', '', 'Argument Query.viewer(size:) was removed.'],
    ['an input needs more', 'code: String!', 'code: String! more: ID!', /required.+ Input\.more/],
    ['an argument is needed', 'size: Size = SMALL', 'size: Size!', /Query\.viewer\(size:\)/],
  ])('that breaks clients fails: %s', (_, before, after, description) => {
    const { breaking, stale } = judgeChanges(released, released.replace(before, after), [])
    expect(breaking).toHaveLength(1)
    expect(breaking[0]).toMatch(description)
    expect(stale).toEqual([])
  })

  it.each([
    ['a field more', 'name: String', 'name: String more: Int'],
    ['a field that is never null', 'name: String', 'name: String!'],
    ['an argument more', 'size: Size = SMALL', 'size: Size = SMALL, round: Boolean'],
    ['a description', 'enum Size', '"How large" enum Size'],
  ])('that breaks nobody passes: %s', (_, before, after) => {
    expect(judgeChanges(released, released.replace(before, after), [])).toEqual({ breaking: [], stale: [] })
  })

  it('that breaks clients passes where it is accepted, and only that one', () => {
    const current = released.replace('name: String', 'id2: ID').replace('SMALL LARGE', 'SMALL')
    expect(judgeChanges(released, current, ['Field Viewer.name was removed.'])).toEqual({
      breaking: ['Enum value Size.LARGE was removed.'],
      stale: [],
    })
  })

  it('that was accepted and never made fails too', () => {
    const accepted = ['Field Viewer.name was removed.']
    expect(judgeChanges(released, released, accepted)).toEqual({ breaking: [], stale: accepted })
  })

  it.each(['{}', '[1]', '"Field Viewer.name was removed."'])('is not accepted by %s', (text) => {
    expect(() => parseAccepted(text)).toThrow('a list of descriptions')
  })
})

describe('the command', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'schema-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('finds the schema of today unbroken', async () => {
    expect(await run()).toEqual({ code: 0, errors: '' })
  })

  it('names what the schema of today would break for those who had another, until it is accepted', async () => {
    const today = await readFile(join(root, 'schema.graphql'), 'utf8')
    await writeFile(
      join(folder, 'released.graphql'),
      today.replace('displayName: String!', 'displayName: String! nick: String'),
    )
    await writeFile(join(folder, 'accepted.json'), '[]')
    const { code, errors } = await run(folder)
    expect(code).toBe(1)
    expect(errors).toBe(
      'Breaking: Field Viewer.nick was removed.\nBreak nobody, or record it in test/schema-changes/accepted.json\n',
    )
    await writeFile(join(folder, 'accepted.json'), '["Field Viewer.nick was removed."]')
    expect(await run(folder)).toEqual({ code: 0, errors: '' })
  })
})

function run(...args: string[]): Promise<{ code: number; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { cwd: root }, (error, _, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), errors })
    })
  })
}
