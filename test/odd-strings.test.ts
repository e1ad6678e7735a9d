import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql'
import { SignJWT } from 'jose'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { schema } from '../src/schema/schema.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { redirectUri } from './harness/log-in.ts'
import { noSourceLimit, type Reply, START_MS, useSharedGateway, web } from './harness/running-gateway.ts'

/** Sends odd strings in every string argument of the schema. A new argument is tested without a change here. */
const keyFile = writeKeyFile()
afterAll(keyFile.remove)
const gateway = useSharedGateway({
  ...noSourceLimit,
  PUBLIC_URL: 'https://gateway.example',
  SIGNING_KEYS_FILE: keyFile.path,
})

const odd: Record<string, string> = {
  empty: '',
  'a space': ' ',
  NUL: '\u0000',
  'a lone high surrogate': 'a\uD800',
  'a lone low surrogate': '\uDC00b',
  'surrogates in the wrong order': '\uDE00\uD83D',
  'a pair': '\uD83D\uDE00',
  'marks of direction': '\u202E\u200F\u2066abc',
  'a byte order mark': '\uFEFFabc',
  '4,096 characters': 'x'.repeat(4_096),
  '4,097 characters': 'x'.repeat(4_097),
  '90,000 characters': 'x'.repeat(90_000),
  __proto__: '__proto__',
  'a percent sign': '%',
  'half an escape': '%E0%A4%A',
  'form characters': 'a&=b&grant_type=x;+#?/',
  'a line feed': 'abc\ndef',
  'CR LF': 'abc\r\nX-Injected: 1',
  'a family': '👨‍👩‍👧‍👦',
  JSON: '{"a":["b"]}',
  'a long number': '9'.repeat(400),
  undefined: 'undefined',
  null: 'null',
  'a line separator': 'abc\u2028def',
  'a URI with half a character': 'https://app.example/\uD800',
  'an app URI with half a character': 'myapp://a?\uDC00=b',
  'a dot': '.',
  'three dots': '...',
}

/** One string argument: `path` leads from the operation to it, with the fields above it. */
type Place = {
  readonly kind: 'query' | 'mutation'
  readonly fields: readonly GraphQLField<unknown, unknown>[]
  readonly argument: GraphQLArgument
  /** `undefined`: the argument itself. */
  readonly member: GraphQLInputField | undefined
}

const places = [...placesIn('query', schema.getQueryType(), []), ...placesIn('mutation', schema.getMutationType(), [])]

function placesIn(
  kind: Place['kind'],
  type: GraphQLObjectType | null | undefined,
  above: readonly GraphQLField<unknown, unknown>[],
): Place[] {
  return Object.values(type?.getFields() ?? {}).flatMap((field) => {
    const fields = [...above, field]
    const own = field.args.flatMap((argument) => placesOfArgument(argument).map((at) => ({ kind, fields, ...at })))
    const next = getNamedType(field.type)
    return [...own, ...(isObjectType(next) && above.length < 2 ? placesIn(kind, next, fields) : [])]
  })
}

function placesOfArgument(argument: GraphQLArgument): Pick<Place, 'argument' | 'member'>[] {
  const type = getNamedType(argument.type)
  if (isText(argument.type)) return [{ argument, member: undefined }]
  const members = isInputObjectType(type) ? Object.values(type.getFields()) : []
  return members.filter((member) => isText(member.type)).map((member) => ({ argument, member }))
}

function isText(type: GraphQLInputType): boolean {
  return ['String', 'ID'].includes(getNamedType(type).name)
}

const usual: Record<string, string> = { redirectUri, idToken: 'a.b.c' }
const usualOf = (name: string, type: GraphQLInputType) => inList(type, usual[name] ?? 'usual')
function inList(type: GraphQLInputType, value: string): unknown {
  const inner = isNonNullType(type) ? type.ofType : type
  return isListType(inner) ? [value] : value
}

/** The values of a field's arguments. Those that are required have a usual value. */
function valuesOf(field: GraphQLField<unknown, unknown>, place: Place, value: string): Record<string, unknown> {
  const isOdd = field === place.fields.at(-1)
  const entries = field.args.map((argument) => {
    const odd = isOdd && argument === place.argument
    const type = getNamedType(argument.type)
    if (isInputObjectType(type) && (odd || isRequiredArgument(argument))) {
      const members = Object.values(type.getFields()).map((member) => {
        if (odd && member === place.member) return [member.name, inList(member.type, value)]
        return [member.name, isRequiredInputField(member) ? usualOf(member.name, member.type) : undefined]
      })
      return [argument.name, Object.fromEntries(members)]
    }
    if (odd) return [argument.name, inList(argument.type, value)]
    return [argument.name, isRequiredArgument(argument) ? usualOf(argument.name, argument.type) : undefined]
  })
  return Object.fromEntries(entries)
}

function ask(place: Place, value: string, how: 'variables' | 'literals'): Promise<Reply> {
  const variables: Record<string, unknown> = {}
  const definitions: string[] = []
  let selection = ''
  for (const [depth, field] of place.fields.entries()) {
    const values = valuesOf(field, place, value)
    const given = field.args.filter(({ name }) => values[name] !== undefined)
    const texts = given.map((argument) => {
      if (how === 'literals') return `${argument.name}: ${literal(values[argument.name])}`
      const name = `${argument.name}${depth}`
      variables[name] = values[argument.name]
      definitions.push(`$${name}: ${argument.type}`)
      return `${argument.name}: $${name}`
    })
    selection += ` { ${field.name}${texts.length > 0 ? `(${texts.join(', ')})` : ''}`
  }
  const last = place.fields.at(-1)
  const inner = last !== undefined && isObjectType(getNamedType(last.type)) ? '{ __typename }' : ''
  const head = definitions.length > 0 ? `(${definitions.join(', ')})` : ''
  const query = `${place.kind} ${head} ${selection} ${inner} ${'}'.repeat(place.fields.length)}`
  return gateway().ask(query, { variables, token: gateway().issue().accessToken })
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{ ${members.map(([name, member]) => `${name}: ${literal(member)}`).join(', ')} }`
}

const expected = new Set([
  'BAD_USER_INPUT',
  'INVALID_GRANT',
  'INVALID_ID_TOKEN',
  'UNAUTHENTICATED',
  'GRAPHQL_PARSE_FAILED',
  'OPERATION_TOO_COMPLEX',
])

afterEach(() => expect(gateway().log()).not.toContain('"unexpected error"'))

describe.each(places.map((place) => [nameOf(place), place] as const))('%s', (_, place) => {
  it.each(['variables', 'literals'] as const)('odd strings in %s: an answer or a clear error (D6)', async (how) => {
    await Promise.all(
      Object.entries(odd).map(async ([what, value]) => {
        const { status, errors, text } = await ask(place, value, how)
        const codes = errors.map(({ extensions }) => extensions.code)
        expect(
          codes.filter((code) => !expected.has(code)),
          `${what}: ${text}`,
        ).toEqual([])
        expect(status, what).toBeLessThan(500)
        for (const { message, extensions } of errors) {
          if (extensions.code === 'BAD_USER_INPUT') expect(message, what).toContain(extensions.argument)
          if (value.length > 3) expect(JSON.stringify({ message, extensions }), what).not.toContain(value)
        }
      }),
    )
  })
})

function nameOf({ fields, argument, member }: Place): string {
  return [...fields.map(({ name }) => name), argument.name, ...(member === undefined ? [] : [member.name])].join('.')
}

it('the places are those of the schema', () => {
  expect(places.map(nameOf)).toEqual(
    expect.arrayContaining([
      'verifyAccessTokens.accessTokens',
      'startLogin.input.uiLocales',
      'logout.input.refreshToken',
    ]),
  )
})

describe('odd strings from LINE', () => {
  const half = 'Mia \uD83D'

  it('half a character in a profile: the same well-formed answer each time (D6)', async () => {
    const { accessToken: token } = gateway().issue()
    const profile = { userId: 'U1', displayName: half, pictureUrl: `https://a.example/${half}`, statusMessage: half }
    gateway().emulator.faults.set('profile', { status: 200, body: profile })
    const answers = []
    for (let n = 0; n < 3; n += 1)
      answers.push(await gateway().ask('{ viewer { displayName pictureUrl statusMessage } }', { token }))
    expect(answers[0]?.data?.viewer).toMatchObject({ displayName: 'Mia \uFFFD', statusMessage: 'Mia \uFFFD' })
    expect(answers[1]?.text).toBe(answers[0]?.text)
    expect(answers[2]?.text).toBe(answers[0]?.text)
  })

  it('half a character in the claims of an ID token: a well-formed answer (D6)', async () => {
    const now = START_MS / 1_000
    const claims = { name: half, email: half, picture: half, amr: [half], nonce: half }
    const idToken = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('https://access.line.me')
      .setSubject('U1')
      .setAudience(web.id)
      .setIssuedAt(now)
      .setExpirationTime(now + 3_600)
      .sign(new TextEncoder().encode(web.secret))
    const query =
      'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { name email picture amr nonce } }'
    const { data, errors } = await gateway().ask(query, { variables: { input: { idToken } } })
    expect(errors).toEqual([])
    const whole = 'Mia \uFFFD'
    const expected = { name: whole, email: whole, picture: whole, amr: [whole], nonce: whole }
    expect(data?.verifyIdToken).toEqual(expected)
  })
})

describe('odd JSON in variables', () => {
  const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000)
  const values = {
    'deep lists': deep('[', ']'),
    'deep objects': deep('{"a":', '}').replace(':}', ':1}'),
    __proto__: '{"__proto__":{"__proto__":"x"}}',
    constructor: '{"constructor":{"prototype":1},"toString":"x","hasOwnProperty":1}',
    'a number beyond doubles': '1e999',
    'a small number': '1e-999',
    'a long number': '9'.repeat(10_000),
    'negative zero': '-0',
    'a fraction': '0.1',
    null: 'null',
    true: 'true',
    'an empty list': '[]',
    'lists in lists': '[[["x"]]]',
    'an empty object': '{}',
    'two of one name': '{"refreshToken":"a","refreshToken":["b"]}',
    'an empty name': '{"":"x"}',
    'a half name': '{"\\ud800":"x"}',
  }
  const operations = [
    'query ($it: String!) { verifyAccessToken(accessToken: $it) { active } }',
    'query ($it: [String!]!) { verifyAccessTokens(accessTokens: $it) { active } }',
    'mutation ($it: RefreshTokenInput!) { refreshToken(input: $it) { tokenType } }',
    'mutation ($it: StartLoginInput!) { startLogin(input: $it) { state } }',
    'mutation ($it: ID, $token: String = "x") { refreshToken(input: { refreshToken: $token, channelId: $it }) { tokenType } }',
    'query ($it: PictureSize) { viewer { pictureUrl(size: $it) } }',
    'query ($it: Boolean!) { viewer { id @skip(if: $it) } }',
    'mutation ($it: Int) { startLogin(input: { redirectUri: "https://a.example", maxAge: $it }) { state } }',
    '{ __typename }',
  ]

  it.each(Object.entries(values))('%s: an answer or a clear error, never a 500 (D6)', async (what, json) => {
    await Promise.all(
      operations.map(async (query) => {
        const body = `{"query":${JSON.stringify(query)},"variables":{"it":${json}}}`
        const headers = { 'content-type': 'application/json' }
        const { status, errors } = await gateway().send('/graphql', { method: 'POST', headers, body })
        expect(status, `${what}: ${query}`).toBeLessThan(500)
        expect(errors.filter(({ extensions }) => extensions.code === 'INTERNAL_SERVER_ERROR')).toEqual([])
      }),
    )
  })
})
