import { describe, expect, test } from 'vitest'
import type { User } from '../../../src/emulator/emulator.ts'
import { useEmulator } from '../../harness/emulator-client.ts'

const odd: User = { userId: `U${'5'.repeat(32)}`, displayName: '<b>Bob</b>', pictureUrl: 'https://cdn.example/bob' }
const { emulator, get, getWithToken } = useEmulator()
const { get: getOdd } = useEmulator({ users: [odd] })

test('the pictures of the demo users: addresses of the emulator, in profile, userinfo and ID token', async () => {
  const { users, url, issueTokens } = emulator()
  const pictureUrl = `${url}/emulator/pictures/${users[0]?.userId}`
  const { accessToken, idToken = '' } = issueTokens()
  expect((await getWithToken(accessToken, '/v2/profile')).body).toMatchObject({ pictureUrl })
  expect((await getWithToken(accessToken, '/oauth2/v2.1/userinfo')).body).toMatchObject({ picture: pictureUrl })
  const claims = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString())
  expect(claims.picture).toBe(pictureUrl)
})

describe.each([
  ['', 640],
  ['/large', 200],
  ['/small', 51],
])('the address with %j', (suffix, pixels) => {
  test(`an SVG picture of ${pixels} pixels`, async () => {
    for (const { pictureUrl } of emulator().users.filter((user) => user.pictureUrl !== undefined)) {
      const { status, headers, text } = await get(new URL(`${pictureUrl}${suffix}`).pathname)
      expect([status, headers['content-type']]).toEqual([200, 'image/svg+xml;charset=UTF-8'])
      expect(text).toContain(`width="${pixels}" height="${pixels}"`)
    }
  })
})

test('initials: two letters in Latin, one character in Japanese and Arabic, a whole emoji', async () => {
  const pictures = emulator()
    .users.slice(0, 4)
    .map(({ pictureUrl }) => get(new URL(String(pictureUrl)).pathname))
  const texts = (await Promise.all(pictures)).map(({ text }) => />([^<]+)<\/text>/.exec(text)?.[1])
  expect(texts).toEqual(['ST', '佐', '🦊', 'ل'])
})

test('users have different colours', async () => {
  const pictures = emulator()
    .users.slice(0, 4)
    .map(({ pictureUrl }) => get(new URL(String(pictureUrl)).pathname))
  const colours = (await Promise.all(pictures)).map(({ text }) => /fill="(hsl[^"]+)"/.exec(text)?.[1])
  expect(new Set(colours).size).toBe(4)
})

test.each(['Unobody', 'U0000aaaa1111bbbb2222cccc3333dddd', '%', 'U4af4980629c1d3b5e7f90a2b4c6d8e0f/huge', ''])(
  'no picture at %j: 404',
  async (name) => {
    expect((await get(`/emulator/pictures/${name}`)).status).toBe(404)
  },
)

test('a name with markup: the picture has no markup of it', async () => {
  const { text } = await getOdd(`/emulator/pictures/${odd.userId}`)
  expect(text.match(/<\/?\w+/g)).toEqual(['<svg', '<rect', '<text', '</text', '</svg'])
})
