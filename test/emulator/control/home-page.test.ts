import { expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, getWithToken } = useEmulator()

test('the home page shows users, channels and calls, but no secret', async () => {
  await getWithToken('junk', '/v2/profile')
  const { status, text } = await get('/')
  expect(status).toBe(200)
  for (const { displayName, userId } of emulator().users) {
    expect(text).toContain(displayName)
    expect(text).toContain(userId)
  }
  for (const { id, secret } of emulator().channels) {
    expect(text).toContain(id)
    expect(text).not.toContain(secret)
  }
  expect(text).toContain('<td>profile</td><td>1</td>')
})

test('the login link on the home page: 200', async () => {
  const { text } = await get('/')
  const link = /href="(\/oauth2\/v2\.1\/authorize[^"]+)"/.exec(text)?.[1] ?? ''
  expect(await get(link.replaceAll('&amp;', '&'))).toMatchObject({ status: 200 })
})
