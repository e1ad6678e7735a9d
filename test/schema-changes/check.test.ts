import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareSchemas, parseAccepted } from './changes.ts'

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
    ['a removed field', 'name: String', 'id2: ID', 'Field Viewer.name was removed.'],
    ['a field that can be null now', 'id: ID!', 'id: ID', 'Field Viewer.id changed type from ID! to ID.'],
    ['a removed enum value', 'enum Size { SMALL LARGE }', 'enum Size { SMALL }', 'Enum value Size.LARGE was removed.'],
    ['a removed argument', '(size: Size = SMALL)', '', 'Argument Query.viewer(size:) was removed.'],
    ['a new required input field', 'code: String!', 'code: String! more: ID!', /required.+ Input\.more/],
    ['an argument that is required now', 'size: Size = SMALL', 'size: Size!', /Query\.viewer\(size:\)/],
  ])('%s: breaking', (_, before, after, description) => {
    const { breaking, stale } = compareSchemas(released, released.replace(before, after), [])
    expect(breaking).toHaveLength(1)
    expect(breaking[0]).toMatch(description)
    expect(stale).toEqual([])
  })

  it.each([
    ['a new field', 'name: String', 'name: String more: Int'],
    ['a field that is never null now', 'name: String', 'name: String!'],
    ['a new optional argument', 'size: Size = SMALL', 'size: Size = SMALL, round: Boolean'],
    ['a new description', 'enum Size', '"How large" enum Size'],
  ])('%s: not breaking', (_, before, after) => {
    expect(compareSchemas(released, released.replace(before, after), [])).toEqual({ breaking: [], stale: [] })
  })

  it('two breaking changes, one accepted: only the other one is breaking', () => {
    const current = released.replace('name: String', 'id2: ID').replace('SMALL LARGE', 'SMALL')
    expect(compareSchemas(released, current, ['Field Viewer.name was removed.'])).toEqual({
      breaking: ['Enum value Size.LARGE was removed.'],
      stale: [],
    })
  })

  it('an accepted change that was not made: stale', () => {
    const accepted = ['Field Viewer.name was removed.']
    expect(compareSchemas(released, released, accepted)).toEqual({ breaking: [], stale: accepted })
  })

  it.each(['{}', '[1]', '"Field Viewer.name was removed."'])('accepted.json with %s: an error', (text) => {
    expect(() => parseAccepted(text)).toThrow('a list of descriptions')
  })
})

describe('the command', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'schema-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('the schema of today: exit code 0', async () => {
    expect(await run()).toEqual({ code: 0, errors: '' })
  })

  it('a breaking change: exit code 1 and its description, until it is accepted', async () => {
    const today = await readFile(join(root, 'schema.graphql'), 'utf8')
    await writeFile(
      join(folder, 'released.graphql'),
      today.replace('displayName: String!', 'displayName: String! nick: String'),
    )
    await writeFile(join(folder, 'accepted.json'), '[]')
    const { code, errors } = await run(folder)
    expect(code).toBe(1)
    expect(errors).toBe(
      'Breaking: Field Viewer.nick was removed.\nAvoid the break, or add it to test/schema-changes/accepted.json\n',
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
