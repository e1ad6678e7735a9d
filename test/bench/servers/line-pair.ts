import type { Pool } from 'undici'

export type Profile = { readonly userId: string; readonly displayName: string }
type Verification = { readonly client_id: string; readonly expires_in: number }

/** The two calls to LINE for a cold token: no deadline, no counters, and only the least possible check. */
export type Get = (line: Pool, token: string) => Promise<Profile>

/** `request`, one call after the other: the usual way. */
export async function askInTurn(line: Pool, token: string): Promise<Profile> {
  assertGood((await request(line, verifyPath(token))) as Verification)
  return (await request(line, '/v2/profile', bearer(token))) as Profile
}

/** `request`, both calls at once. */
export async function askInParallel(line: Pool, token: string): Promise<Profile> {
  const both = [request(line, verifyPath(token)), request(line, '/v2/profile', bearer(token))]
  const [verification, profile] = await Promise.all(both)
  assertGood(verification as Verification)
  return profile as Profile
}

/** undici's `dispatch`, both calls at once: the cheapest way. */
export async function dispatchInParallel(line: Pool, token: string): Promise<Profile> {
  const both = [dispatch(line, verifyPath(token)), dispatch(line, '/v2/profile', bearer(token))]
  const [verification, profile] = await Promise.all(both)
  assertGood(verification as Verification)
  return profile as Profile
}

async function request(line: Pool, path: string, headers: Record<string, string> = {}): Promise<unknown> {
  const { body } = await line.request({ method: 'GET', path, headers })
  return body.json()
}

function dispatch(line: Pool, path: string, headers: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    line.dispatch(
      { method: 'GET', path, headers },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData: (_, chunk) => chunks.push(chunk),
        onResponseEnd: () => resolve(JSON.parse(String(Buffer.concat(chunks)))),
        onResponseError: (_, error) => reject(error),
      },
    )
  })
}

function verifyPath(token: string): string {
  return `/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

function assertGood({ client_id, expires_in }: Verification): void {
  if (typeof client_id !== 'string' || !(expires_in > 0)) throw new Error('not a valid token')
}
