import { describe, expect, it } from 'vitest'
import { expectNoCallsAfterEach, useSharedGateway } from '../harness/running-gateway.ts'

/** By its type, a variable with a default may be null where a value is required. Only the execution finds it. */
describe('a variable with a default is null', () => {
  const gateway = useSharedGateway({ INTROSPECTION: 'true' })
  expectNoCallsAfterEach(gateway)

  const bad = (argument: string, path?: readonly (string | number)[]) => ({
    message: `${argument} needs a value, but its variable is null`,
    ...(path && { path }),
    extensions: { code: 'BAD_USER_INPUT', argument },
  })

  // The general engine runs an operation with a directive, or about the schema.
  it.each([
    ['String', 'verifyAccessToken(accessToken: $a) { active }', 'accessToken'],
    ['String', 'verifyAccessToken(accessToken: $a) @skip(if: false) { active }', 'accessToken'],
    ['String', 'verifyAccessTokens(accessTokens: [$a]) { active }', 'accessTokens'],
    ['String', 'verifyAccessTokens(accessTokens: [$a]) @skip(if: false) { active }', 'accessTokens'],
    ['String', 'verifyIdToken(input: { idToken: $a }) { sub }', 'input'],
    ['String', 'verifyIdToken(input: { idToken: $a }) @skip(if: false) { sub }', 'input'],
    ['String', '__type(name: $a) { name }', 'name'],
  ])('%s: %s', async (type, field, argument) => {
    const query = `query ($a: ${type} = "secret text") { ${field} }`
    const { status, errors, text } = await gateway().ask(query, { variables: { a: null } })
    expect(status).toBe(200)
    expect(errors).toEqual([{ ...bad(argument, [field.split('(')[0] ?? '']), locations: [expect.anything()] }])
    expect(text).not.toContain('secret text')
  })

  it.each(['skip', 'include'])('@%s: the whole operation is refused', async (directive) => {
    const query = `query ($a: Boolean = true) { __typename @${directive}(if: $a) }`
    const accept = 'application/graphql-response+json'
    const { status, errors } = await gateway().ask(query, { variables: { a: null }, headers: { accept } })
    expect(status).toBe(400)
    expect(errors).toEqual([{ ...bad('if'), locations: [expect.anything()] }])
  })
})
