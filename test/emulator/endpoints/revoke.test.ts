import { describe, expect, test } from 'vitest'
import { credentials, native, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, get, post } = useEmulator()

describe('by access token', () => {
  test('200 without a body; the token is refused, its refresh token still works', async () => {
    const { accessToken, refreshToken } = emulator().issueTokens()
    expect(await revoke({ access_token: accessToken })).toMatchObject({ status: 200, text: '' })
    expect(await isAlive(accessToken)).toBe(false)
    expect(await isRefreshable(refreshToken)).toBe(true)
  })

  test('switch: the refresh token is revoked too', async () => {
    emulator().switches.revokeKillsRefreshToken = true
    const { accessToken, refreshToken } = emulator().issueTokens()
    await revoke({ access_token: accessToken })
    expect(await isRefreshable(refreshToken)).toBe(false)
  })

  test('a token already revoked: 200, or 400 with the switch', async () => {
    const { accessToken } = emulator().issueTokens()
    await revoke({ access_token: accessToken })
    expect((await revoke({ access_token: accessToken })).status).toBe(200)
    emulator().switches.revokeUnknown = 'error'
    expect(await revoke({ access_token: accessToken })).toMatchObject({
      status: 400,
      text: '{"error":"invalid_request"}',
    })
  })

  test('a request of another channel: the token still works', async () => {
    const { accessToken } = emulator().issueTokens()
    await revoke({ access_token: accessToken, client_id: native.id })
    expect(await isAlive(accessToken)).toBe(true)
  })
})

test('by refresh token: it and all its access tokens are refused', async () => {
  const { accessToken, refreshToken = '' } = emulator().issueTokens()
  const { body } = await refresh(refreshToken)
  expect((await revoke({ refresh_token: refreshToken })).status).toBe(200)
  expect(await isAlive(accessToken)).toBe(false)
  expect(await isAlive(Object(body).access_token)).toBe(false)
  expect(await isRefreshable(refreshToken)).toBe(false)
})

test('a missing or wrong secret: refused for a web channel, ignored for a native one', async () => {
  const [ofWeb, ofNative] = [emulator().issueTokens(), emulator().issueTokens({ channelId: native.id })]
  const refused = await revoke({ access_token: ofWeb.accessToken, client_secret: 'wrong' })
  expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_client' } })
  await revoke({ access_token: ofNative.accessToken, client_id: native.id, client_secret: '' })
  expect([await isAlive(ofWeb.accessToken), await isAlive(ofNative.accessToken)]).toEqual([true, false])
})

test('without a token, or without a known channel: 400', async () => {
  expect(await revoke({})).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  expect(await revoke({ access_token: 'x', client_id: '' })).toMatchObject({ status: 400 })
  expect(await revoke({ access_token: 'x', client_id: '9' })).toMatchObject({ status: 400 })
})

function revoke(given: Record<string, string>) {
  return post('/oauth2/v2.1/revoke', { ...credentials, ...given })
}

function refresh(refreshToken: string | undefined) {
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', ...credentials }
  return post('/oauth2/v2.1/token', form)
}

async function isRefreshable(refreshToken: string | undefined): Promise<boolean> {
  return (await refresh(refreshToken)).status === 200
}

async function isAlive(accessToken: string): Promise<boolean> {
  const { status, body } = await get(`/oauth2/v2.1/verify?access_token=${accessToken}`)
  return status === 200 && [web.id, native.id].includes(Object(body).client_id)
}
