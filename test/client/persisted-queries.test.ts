import { hash } from 'node:crypto'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, fetchExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { describe, expect, it } from 'vitest'
import { useSharedGateway } from '../harness/running-gateway.ts'

/** Clients that send the hash of a query first. The gateway keeps no queries by hash, so they must send the text. */
const gateway = useSharedGateway()

const name = 'query Name { viewer { displayName } }'
const size = 'query Size($size: PictureSize) { viewer { id pictureUrl(size: $size) } }'
const refresh = 'mutation Refresh($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }'

const verify = 'query Verify($token: String!) { verifyAccessToken(accessToken: $token) { active } }'

type Ask = (text: string, variables?: Record<string, unknown>) => Promise<unknown>

function apollo(useGETForHashedQueries: boolean): Ask {
  const uri = `${gateway().url}/graphql`
  const headers = { authorization: `Bearer ${gateway().issue().accessToken}` }
  const persisted = new PersistedQueryLink({ sha256: (text) => hash('sha256', text), useGETForHashedQueries })
  const link = ApolloLink.from([persisted, new HttpLink({ uri, headers })])
  const client = new ApolloClient({ link, cache: new InMemoryCache(), clientAwareness: { name: 'web', version: '1' } })
  return async (text, variables = {}) => {
    const document = gql(text)
    if (text.startsWith('mutation')) return (await client.mutate({ mutation: document, variables })).data
    return (await client.query({ query: document, variables, fetchPolicy: 'no-cache' })).data
  }
}

function urql(preferGetForPersistedQueries: boolean): Ask {
  const url = `${gateway().url}/graphql`
  const headers = { authorization: `Bearer ${gateway().issue().accessToken}` }
  const persisted = persistedExchange({ preferGetForPersistedQueries, enableForMutation: true })
  const client = new Client({
    url,
    preferGetMethod: false,
    exchanges: [persisted, fetchExchange],
    fetchOptions: { headers },
  })
  return async (text, variables = {}) => {
    const { data, error } = await (text.startsWith('mutation')
      ? client.mutation(text, variables)
      : client.query(text, variables))
    if (error !== undefined) throw error
    return data
  }
}

describe.each([
  ['Apollo Client, POST', () => apollo(false)],
  ['Apollo Client, GET for hashes', () => apollo(true)],
  ['urql, POST', () => urql(false)],
  ['urql, GET for hashes', () => urql(true)],
])('%s', (_, start) => {
  it('with persisted queries: gets the data of each query and mutation (D7)', async () => {
    const [user] = gateway().emulator.users
    const ask = start()
    for (let round = 0; round < 2; round += 1) {
      expect(await ask(name)).toMatchObject({ viewer: { displayName: user?.displayName } })
      expect(await ask(size, { size: 'SMALL' })).toMatchObject({
        viewer: { id: user?.userId, pictureUrl: `${user?.pictureUrl}/small` },
      })
      const token = gateway().issue().accessToken
      expect(await ask(verify, { token })).toMatchObject({ verifyAccessToken: { active: true } })
      const refreshToken = gateway().issue().refreshToken
      expect(await ask(refresh, { input: { refreshToken } })).toMatchObject({ refreshToken: { tokenType: 'Bearer' } })
    }
  })
})

const sha256Hash = hash('sha256', name)
const persistedQuery = { version: 1, sha256Hash }
const refused = [{ message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }]

describe.each(['application/json', 'application/graphql-response+json'])('a hash without a query, %s', (accept) => {
  it.each([
    { extensions: { persistedQuery } },
    { query: null, extensions: { persistedQuery } },
    { query: '', extensions: { persistedQuery } },
    { operationName: 'Name', variables: {}, extensions: { persistedQuery, clientLibrary: { name: 'x' } } },
    { documentId: sha256Hash },
    { query: '', documentId: sha256Hash, variables: { size: 'SMALL' } },
  ])('%j: PERSISTED_QUERY_NOT_SUPPORTED with status 200, by POST and GET (D7)', async (params) => {
    const headers = { accept, 'content-type': 'application/json' }
    const byPost = await gateway().send('/graphql', { method: 'POST', headers, body: JSON.stringify(params) })
    const search = new URLSearchParams(
      Object.entries(params).map(([name, value]) => [
        name,
        typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? ''),
      ]),
    )
    const byGet = await gateway().send(`/graphql?${search}`, { headers: { accept } })
    for (const reply of [byPost, byGet]) {
      expect(reply).toMatchObject({ status: 200, data: undefined, errors: refused })
      expect(reply.headers['content-type']).toMatch(accept)
    }
  })
})

describe('a hash beside a query', () => {
  it.each([{ extensions: { persistedQuery } }, { documentId: sha256Hash }])(
    '%j: the query is executed (D7)',
    async (params) => {
      const search = new URLSearchParams({ query: '{ __typename }', extensions: JSON.stringify({ persistedQuery }) })
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify({ query: '{ __typename }', ...params })
      const byPost = await gateway().send('/graphql', { method: 'POST', headers, body })
      const byGet = await gateway().send(`/graphql?${search}`)
      for (const reply of [byPost, byGet]) expect(reply).toMatchObject({ status: 200, data: { __typename: 'Query' } })
    },
  )
})

describe('neither a query nor a hash', () => {
  it.each([{}, { query: null, extensions: {} }, { extensions: { persistedQuery: null } }, { documentId: '' }])(
    '%j: BAD_REQUEST (D7)',
    async (params) => {
      const headers = { 'content-type': 'application/json' }
      const reply = await gateway().send('/graphql', { method: 'POST', headers, body: JSON.stringify(params) })
      expect(reply).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    },
  )
})
