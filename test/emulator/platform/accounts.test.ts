import { expect, test } from 'vitest'
import { demoChannels, demoUsers } from '../../../src/emulator/emulator.ts'

test("demo channels look like LINE's: 10 digits, a secret of 32 hex, one of each type", () => {
  for (const { id, secret } of demoChannels)
    expect([id, secret]).toEqual([expect.stringMatching(/^\d{10}$/), expect.stringMatching(/^[0-9a-f]{32}$/)])
  expect(demoChannels.map(({ type }) => type)).toEqual(['web', 'native', 'liff'])
})

test("demo users look like LINE's, and the first one has everything", () => {
  for (const { userId } of demoUsers) expect(userId).toMatch(/^U[0-9a-f]{32}$/)
  expect(new Set(demoUsers.map(({ userId }) => userId)).size).toBe(demoUsers.length)
  expect(demoUsers[0]).toMatchObject({
    displayName: 'Sakura Tanaka',
    pictureUrl: expect.any(String),
    statusMessage: expect.any(String),
  })
})

test('names cover emoji, Japanese, right to left, and a user with a name alone', () => {
  const names = demoUsers.map(({ displayName }) => displayName).join()
  for (const script of [/\p{Emoji_Presentation}/u, /\p{Script=Han}/u, /\p{Script=Arabic}/u])
    expect(names).toMatch(script)
  expect(demoUsers.some((user) => user.pictureUrl === undefined && user.statusMessage === undefined)).toBe(true)
})
