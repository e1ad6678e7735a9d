import { request } from 'undici'
import { describe, expect, it } from 'vitest'
import { useSharedGateway, web } from '../harness/running-gateway.ts'
import type { TypedDocumentString } from './generated/graphql.ts'
import { Refresh, VerifyAccessTokens, Viewer } from './operations.ts'

/** A typed client: the document has the types of its variables and its answer. */
describe('a front end with types generated from schema.graphql', () => {
  const gateway = useSharedGateway()

  async function ask<Answer, Variables>(
    document: TypedDocumentString<Answer, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Answer> {
    const answer = await request(`${gateway().url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query: document.toString(), variables }),
    })
    const { data } = (await answer.body.json()) as { data: Answer }
    return data
  }

  it('reads the user', async () => {
    const [user] = gateway().emulator.users
    const { viewer } = await ask(Viewer, {}, gateway().issue().accessToken)
    expect(viewer).toEqual({
      id: user?.userId,
      displayName: user?.displayName,
      pictureUrl: `${user?.pictureUrl}/large`,
    })
  })

  it('refreshes, and uses the new access token', async () => {
    const refreshToken = gateway().issue().refreshToken ?? ''
    const { refreshToken: tokens } = await ask(Refresh, { input: { refreshToken } })
    const { viewer } = await ask(Viewer, {}, tokens?.accessToken)
    expect(viewer?.displayName).toBe(gateway().emulator.users[0]?.displayName)
  })

  it('verifies several tokens', async () => {
    const { verifyAccessTokens } = await ask(VerifyAccessTokens, { accessTokens: [gateway().issue().accessToken, 'é'] })
    expect(verifyAccessTokens).toEqual([
      expect.objectContaining({ active: true, reason: null, channelId: web.id }),
      expect.objectContaining({ active: false, reason: 'MALFORMED' }),
    ])
  })
})
