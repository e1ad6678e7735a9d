import { expect, test } from 'vitest'
import { demoChannels, demoUsers } from '../../../src/emulator/emulator.ts'

test('demo channels: an ID of 10 digits, a secret of 32 hex; web, native, LIFF and the three of a MINI App', () => {
  for (const { id, secret } of demoChannels)
    expect([id, secret]).toEqual([expect.stringMatching(/^\d{10}$/), expect.stringMatching(/^[0-9a-f]{32}$/)])
  expect(demoChannels.map(({ type }) => type)).toEqual(['web', 'native', 'liff', 'liff', 'liff', 'liff'])
  const states = ['developing', 'review', 'published'].map((state) => `LINE MINI App, ${state}`)
  expect(demoChannels.slice(3).map(({ name }) => name)).toEqual(states)
})

test('demo users: `U` and 32 hex, all different; the first has a picture and a status message', () => {
  for (const { userId } of demoUsers) expect(userId).toMatch(/^U[0-9a-f]{32}$/)
  expect(new Set(demoUsers.map(({ userId }) => userId)).size).toBe(demoUsers.length)
  expect(demoUsers[0]).toMatchObject({
    displayName: 'Sakura Tanaka',
    pictureUrl: expect.any(String),
    statusMessage: expect.any(String),
  })
})

test('demo users: names with emoji, in Japanese and in Arabic; one user has only a name', () => {
  const names = demoUsers.map(({ displayName }) => displayName).join()
  for (const script of [/\p{Emoji_Presentation}/u, /\p{Script=Han}/u, /\p{Script=Arabic}/u])
    expect(names).toMatch(script)
  expect(demoUsers.some((user) => user.pictureUrl === undefined && user.statusMessage === undefined)).toBe(true)
})
