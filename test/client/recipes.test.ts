import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApolloClient, DocumentNode } from '@apollo/client'
import { CombinedGraphQLErrors, gql } from '@apollo/client'
import type { Client as UrqlClient } from '@urql/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { project } from '../harness/programs.ts'
import { useSharedGateway } from '../harness/running-gateway.ts'
import { ViewerDocument as ViewerTree } from './generated/documents/graphql.ts'
import { ViewerDocument as ViewerText } from './generated/graphql.ts'

/** The clients of the README: plain fetch, urql and Apollo Client. They share no code, so each test runs with all three. */

type Tokens = { readonly accessToken?: string; readonly refreshToken?: string; readonly expiresAt: string }

type Options = {
  readonly url: string
  readonly session: { read(): Tokens | undefined; save(tokens: Tokens | undefined): void }
  readonly login: () => void
  readonly wait: (ms: number) => Promise<void>
}

/** The codes of the errors, or `NO_NETWORK`. */
type Answer = { readonly data: unknown; readonly codes: readonly unknown[] }
/** A text, or the typed document that the client takes. */
type Query = string | typeof ViewerTree | typeof ViewerText
type Ask = (query: Query, variables?: Record<string, unknown>) => Promise<Answer>
type CodedError = { readonly extensions?: { readonly code?: unknown } }

const codesOf = (errors: readonly CodedError[] = []) => errors.map(({ extensions }) => extensions?.code)
const noNetwork: Answer = { data: null, codes: ['NO_NETWORK'] }

/** A mistake of the recipe is no lost network. */
function failed(error: unknown): Answer {
  expect(String(error)).not.toMatch(/reading '(code|data|errors|reason|some)'/)
  return noNetwork
}

async function load<Client>(name: string, options: Options): Promise<Client> {
  const module = await import(join(import.meta.dirname, '../recipes', name))
  return module.createClient(options)
}

const recipes: Readonly<Record<string, (options: Options) => Promise<Ask>>> = {
  'fetch.mjs': async (options) => {
    type Reply = { data: unknown; errors?: readonly CodedError[] }
    const client = await load<{ ask(...asked: Parameters<Ask>): Promise<Reply> }>('fetch.mjs', options)
    const read = ({ data, errors }: Reply) => ({ data, codes: codesOf(errors) })
    return (...asked) => client.ask(...asked).then(read, failed)
  },
  'urql.mjs': async (options) => {
    const client = await load<UrqlClient>('urql.mjs', options)
    return async (query, variables = {}) => {
      const document = query as string | DocumentNode
      const { data, error } = await client.query(document, variables, { requestPolicy: 'network-only' })
      if (error?.networkError) return failed(error.networkError)
      return { data, codes: codesOf(error?.graphQLErrors) }
    }
  },
  'apollo.mjs': async (options) => {
    const client = await load<ApolloClient>('apollo.mjs', options)
    return async (text, variables = {}) => {
      const query: DocumentNode = typeof text === 'string' ? gql(text) : (text as typeof ViewerTree)
      const asked = client.query({ query, variables, fetchPolicy: 'network-only', errorPolicy: 'all' })
      const { data, error } = await asked.catch((error: unknown) => ({ data: null, error }))
      if (error && !CombinedGraphQLErrors.is(error)) return failed(error)
      return { data, codes: codesOf(CombinedGraphQLErrors.is(error) ? error.errors : []) }
    }
  },
}

const gateway = useSharedGateway({ FAILED_TOKENS_BURST: '3' }, { startsAt: Date.now() })
const sent = vi.fn<(body: string, method: string, url: string) => void>()

beforeEach(() => {
  const original = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    sent(String(init?.body), init?.method ?? 'GET', String(input))
    return original(input, init)
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  sent.mockClear()
  // The circuit breaker closes, and the bucket of bad tokens is full again.
  gateway().advance(60_000)
})

describe.each(Object.entries(recipes))('%s', (recipe, start) => {
  let tokens: Tokens | undefined
  let ask: Ask
  /** What happened, in order. */
  let events: string[]
  let whileWaiting: () => void
  let whenSaved: () => void

  beforeEach(async () => {
    events = []
    whileWaiting = () => undefined
    whenSaved = () => undefined
    logIn()
    ask = await start({
      url: `${gateway().url}/graphql`,
      session: { read: () => tokens, save },
      login: () => void events.push('login'),
      wait,
    })
  })

  function logIn(): void {
    const { accessToken, refreshToken = '', expiresIn } = gateway().issue()
    tokens = { accessToken, refreshToken, expiresAt: new Date(Date.now() + expiresIn * 1000).toISOString() }
  }

  function save(given: Tokens | undefined): void {
    tokens = given
    events.push(given ? 'saved' : 'ended')
    if (given) whenSaved()
  }

  /** Moves the clocks of LINE and of the gateway, so that a test need not wait. */
  async function wait(ms: number): Promise<void> {
    events.push(ms >= 1000 ? 'waited' : `waited ${ms} ms`)
    gateway().advance(ms)
    whileWaiting()
  }

  /** LINE's token ends, and nobody tells the client. */
  function expire(): void {
    gateway().emulator.expireAccessToken(tokens?.accessToken ?? '')
  }

  const name = 'Sakura Tanaka'
  const query = (n: number) => `query Q${n} { viewer { displayName } }`
  const answered = { data: { viewer: expect.objectContaining({ displayName: name }) }, codes: [] }
  const askInParallel = (count = 3) => Promise.all(Array.from({ length: count }, (_, n) => ask(query(n))))
  const refreshes = () => gateway().emulator.calls.of('token')
  /** The gateway answers the same refresh once, so the client's own requests are counted too. */
  const refreshesSent = () => sent.mock.calls.filter(([body]) => body.includes('mutation Refresh')).length

  it('20 parallel queries with an expired token: one refresh, and all get their answer', async () => {
    expire()
    expect(await askInParallel(20)).toEqual(Array(20).fill(answered))
    expect({ refreshes: refreshes(), sent: refreshesSent(), events }).toEqual({
      refreshes: 1,
      sent: 1,
      events: ['saved'],
    })
  })

  it.each<[string, (now: Tokens) => Tokens]>([
    ['in its last minute', (now) => ({ ...now, expiresAt: new Date(Date.now() + 5_000).toISOString() })],
    ['that is not kept, only its refresh token', ({ refreshToken = '' }) => ({ refreshToken, expiresAt: '' })],
  ])('a token %s: refreshed before the first question, once', async (_, change) => {
    tokens = tokens && change(tokens)
    expect(await askInParallel()).toEqual([answered, answered, answered])
    expect(await ask(query(0))).toEqual(answered)
    expect({ refreshes: refreshes(), events }).toEqual({ refreshes: 1, events: ['saved'] })
  })

  it('LINE refuses the refresh token: to the login once, no loop', async () => {
    gateway().emulator.unlink(gateway().emulator.users[0]?.userId ?? '')
    expire()
    for (const { codes } of await askInParallel())
      expect(codes).toEqual([expect.stringMatching(/^(INVALID_GRANT|UNAUTHENTICATED)$/)])
    expect(await ask(query(0))).toMatchObject({ codes: ['UNAUTHENTICATED'] })
    expect(events).toEqual(['ended', 'login'])
    logIn()
    expect(await ask(query(1))).toEqual(answered)
  })

  it('a revoked token: to the login once, and no refresh', async () => {
    gateway().emulator.revokeAccessToken(tokens?.accessToken ?? '')
    for (const { codes } of await askInParallel()) expect(codes).toEqual(['UNAUTHENTICATED'])
    expect({ refreshes: refreshes(), events }).toEqual({ refreshes: 0, events: ['ended', 'login'] })
  })

  it('a new token is refused too: to the login once, no loop', async () => {
    expire()
    whenSaved = expire
    expect(await ask(query(0))).toMatchObject({ codes: ['UNAUTHENTICATED'] })
    expect({ refreshes: refreshes(), events }).toEqual({ refreshes: 1, events: ['saved', 'ended', 'login'] })
  })

  it('nobody is logged in: UNAUTHENTICATED, and no login by itself', async () => {
    tokens = undefined
    expect(await ask(query(0))).toMatchObject({ codes: ['UNAUTHENTICATED'] })
    expect(events).toEqual([])
  })

  it.each([
    ['is down', 503],
    ['limits the calls', 429],
  ])('LINE %s during the refresh: waits, and goes on when LINE is back', async (_, status) => {
    expire()
    gateway().emulator.faults.set('token', { status })
    whileWaiting = () => gateway().emulator.faults.clear()
    expect(await askInParallel()).toEqual([answered, answered, answered])
    expect(events).toEqual(['waited', 'saved'])
  })

  it('a logout during the refresh: nobody is logged in again', async () => {
    expire()
    gateway().emulator.faults.set('token', { status: 503 })
    whileWaiting = () => {
      gateway().emulator.faults.clear()
      tokens = undefined
    }
    expect(await ask(query(0))).toMatchObject({ codes: ['UNAUTHENTICATED'] })
    expect({ tokens, events }).toEqual({ tokens: undefined, events: ['waited'] })
  })

  it('LINE stays down: LINE_UNAVAILABLE after a few tries, and the user stays logged in', async () => {
    expire()
    gateway().emulator.faults.set('token', { status: 503 })
    expect(await ask(query(0))).toMatchObject({ codes: ['LINE_UNAVAILABLE'] })
    expect(events).toEqual(['waited', 'waited', 'waited'])
    gateway().emulator.faults.clear()
    gateway().advance(60_000)
    expect(await ask(query(1))).toEqual(answered)
    expect(events.slice(3)).toEqual(['saved'])
  })

  it('RATE_LIMITED: waits as long as the gateway says, and the user stays logged in', async () => {
    for (const junk of 'abcd') await gateway().ask('{ viewer { id } }', { token: `${recipe}${junk}`.repeat(9) })
    expect(await ask(query(0))).toEqual(answered)
    expect(events).toEqual(['waited'])
  })

  it('SHUTTING_DOWN: waits, and the next process answers', async () => {
    const errors = [{ message: 'Shutting down', extensions: { code: 'SHUTTING_DOWN', retryAfter: 1 } }]
    const reply = Response.json({ errors }, { status: 503, headers: { 'retry-after': '1' } })
    vi.mocked(globalThis.fetch).mockResolvedValueOnce(reply)
    expect(await ask(query(0))).toEqual(answered)
    expect(events).toEqual(['waited'])
  })

  it('no network: the question fails, nobody is logged out', async () => {
    expire()
    vi.mocked(globalThis.fetch).mockRejectedValue(new TypeError('fetch failed'))
    expect(await ask(query(0))).toEqual(noNetwork)
    expect(events).toEqual([])
  })

  it.each<[string, () => Response, unknown[]]>([
    ['502 and HTML', () => html('<h1>Bad Gateway</h1>', 502), ['NO_NETWORK']],
    ['200 and HTML', () => html('<h1>Log in to the Wi-Fi</h1>', 200), ['NO_NETWORK']],
    ['503 and nothing', () => new Response(null, { status: 503 }), ['NO_NETWORK']],
    ['204', () => new Response(null, { status: 204 }), ['NO_NETWORK']],
    ['null', () => Response.json(null), ['NO_NETWORK']],
    ['JSON of its own', () => Response.json({ message: 'Bad Gateway' }, { status: 502 }), ['NO_NETWORK']],
    ['an error without extensions', () => Response.json({ data: null, errors: [{ message: 'x' }] }), [undefined]],
  ])('a proxy answers %s, also to a refresh: nobody is logged out', async (_, reply, codes) => {
    const original = vi.mocked(globalThis.fetch).getMockImplementation()
    vi.mocked(globalThis.fetch).mockImplementation(async () => reply())
    expect(await ask(query(0))).toMatchObject({ codes })
    expire()
    vi.mocked(globalThis.fetch).mockImplementation(async (input, init) =>
      /mutation|"Refresh"/.test(String(init?.body)) ? reply() : ((await original?.(input, init)) ?? reply()),
    )
    expect(await ask(query(1))).toMatchObject({ codes })
    expect(events).toEqual([])
  })

  it('a typed document of the client preset: gets its answer', async () => {
    const document = recipe === 'fetch.mjs' ? ViewerText : ViewerTree
    expect(await ask(document)).toMatchObject({ data: { viewer: { displayName: name } }, codes: [] })
  })

  it('a token as an argument: goes by POST, never in an address', async () => {
    const verify = 'query Verify($token: String!) { verifyAccessToken(accessToken: $token) { active } }'
    // The second time, urql knows that it may send no hash, and then `preferGetMethod` alone decides.
    for (const token of [gateway().issue().accessToken, gateway().issue().accessToken])
      expect(await ask(verify, { token })).toMatchObject({ data: { verifyAccessToken: { active: true } } })
    for (const [, method, url] of sent.mock.calls) expect([method, url]).toEqual(['POST', `${gateway().url}/graphql`])
    expect(sent).toHaveBeenCalled()
  })

  it('persisted queries: the hash goes first, then the text', async () => {
    expect(await ask(query(0))).toEqual(answered)
    const bodies = sent.mock.calls.map(([body]) => JSON.parse(body))
    expect(bodies.at(-1).query).toContain('displayName')
    if (recipe === 'fetch.mjs') return
    expect(bodies).toHaveLength(2)
    expect(bodies[0]).toMatchObject({ extensions: { persistedQuery: { version: 1 } } })
    expect(bodies[0].query ?? '').toBe('')
  })
})

const html = (text: string, status: number) => new Response(text, { status, headers: { 'content-type': 'text/html' } })

it('fetch.mjs, a document without its text: says which setting of codegen is missing', async () => {
  const options = { url: '', session: { read: () => undefined, save() {} }, login() {}, wait: async () => {} }
  const client = await load<{ ask(query: object): Promise<unknown> }>('fetch.mjs', options)
  await expect(client.ask(ViewerTree)).rejects.toThrow("documentMode: 'string'")
})

it.each(['urql.mjs', 'apollo.mjs', 'node-api.mjs'])('%s: names the packages and versions that run here', (recipe) => {
  const text = readFileSync(join(import.meta.dirname, '../recipes', recipe), 'utf8')
  const named = [...text.matchAll(/(@?[\w./-]+)@(\d+\.\d+\.\d+)/g)].map(([, name = '', version]) => [name, version])
  const installed = named.map(([name = '']) => {
    const file = join(project, 'node_modules', name, 'package.json')
    return [name, JSON.parse(readFileSync(file, 'utf8')).version]
  })
  expect(named).toEqual(installed)
  const imported = [...text.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)(?=['/])/g)].map(([, name]) => name)
  expect(named.map(([name]) => name)).toEqual(expect.arrayContaining(imported))
})
