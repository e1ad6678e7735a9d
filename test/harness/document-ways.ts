import { expect } from 'vitest'
import {
  answerTo,
  curls,
  frontEnd,
  lineOf,
  linesOf,
  operation,
  partOf,
  settings,
  testedBy,
  type Way,
} from './document-blocks.ts'
import { logIn } from './log-in.ts'
import type { SigningGateway } from './signing-gateway.ts'

/** The documents whose fenced blocks, links and commands are tested. Relative to the project. */
export const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'test/recipes/services.md',
  'test/long/README.md',
  'test/bench/README.md',
  'test/dependencies.md',
]

const firstQuery = '{ viewer { displayName } }'
const aJwt = expect.stringMatching(/^eyJ/)

/** How each fenced block is run, by heading, language and the first 40 characters. */
export const ways: Readonly<Record<string, Way>> = {
  ...beginning('日本語'),
  ...beginning('Try it'),
  'Explore › sh › curl -s -X POST http://localhost:4001/em': curls(expectExpiry),
  'Explore › sh › curl -s -X PUT http://localhost:4001/emu': curls(),
  'Log in › graphql › mutation {': operation(),
  'Log in › graphql › mutation ($input: ExchangeLoginInput!) {': operation(async (gateway) => {
    const { input } = await logIn(gateway)
    return { input }
  }),
  'Log in › sh › TOKEN=$(curl -s -X POST http://localhost': curls(([answer]) =>
    expect(answer).toMatchObject({ data: { viewer: { displayName: 'Sakura Tanaka', isFriend: true } } }),
  ),
  "The whole loop, to copy › js › import { createClient } from './fetch.mj": frontEnd,
  "The whole loop, to copy › ts › scalars: { DateTime: 'string', ID: 'stri": partOf('codegen.ts', 'package.json'),
  'Mobile and LIFF › js › function logIn() {': partOf('test/recipes/liff-page.mjs', 'test/client/liff-page.test.ts'),
  'Back end › sh › mkdir -p keys && npm run keys new keys/s': settings,
  'Back end › graphql › { viewer { displayName apiToken { token': operation(),
  'A service that verifies JWTs › sh › curl -s https://gateway.example/oauth/to': curls(([answer]) =>
    expect(answer).toMatchObject({ access_token: aJwt, token_type: 'Bearer' }),
  ),
  'A service that verifies JWTs › js › const { payload } = await jwtVerify(toke': partOf(
    'test/recipes/node-api.mjs',
    'test/recipes.test.ts',
  ),
  'Run it › sh › npm install ./line-graphql-gateway-*.tgz': testedBy('test/long/package.test.ts', 'check: exit code 1'),
  'Run it › sh › LINE_CHANNEL_ID=… LINE_CHANNEL_SECRET=…': settings,
  "Run it › js › import { createGateway } from 'line-grap": partOf(
    'test/recipes/embed.mjs',
    'test/long/package.test.ts',
  ),
  'Behind a balancer › nginx › upstream gateway {': linesOf('test/deploy/nginx.conf'),
  'Several processes › sh › export LINE_CHANNEL_ID=… LINE_CHANNEL_SE': settings,
  'Several processes ›  › ACL SETUSER gateway on >PASSWORD ~{* -@a': testedBy(
    'test/tokens/shared-tier.test.ts',
    'a user of Redis with the rights in the README',
  ),
  'The map of src/ ›  › src/main.ts      the process: it hears s': testedBy(
    'test/imports.test.ts',
    'names every folder and file of src/, and nothing else',
  ),
  'A service that introspects › js › /** The user of a LINE access token or I': partOf(
    'test/recipes/introspect.mjs',
    'test/recipes.test.ts',
  ),
  'A LIFF back end › js › const response = await fetch(`${gateway}': partOf(
    'test/recipes/liff.mjs',
    'test/recipes.test.ts',
  ),
  'A LIFF back end › sh › curl -s -X POST http://localhost:4001/em': curls(([answer]) =>
    expect(answer).toMatchObject({ idToken: aJwt }),
  ),
}

/** The two commands, the first query and its answer: in English and in Japanese. */
function beginning(heading: string): Record<string, Way> {
  return {
    [`${heading} › sh › npm ci && npm run dev`]: testedBy('test/dev/main.test.ts', 'the printed values work'),
    [`${heading} › graphql › ${firstQuery}`]: operation(),
    [`${heading} › json › { "data": { "viewer": { "displayName": "`]: answerTo(firstQuery),
    [`${heading} › sh › npm ci && npm test`]: lineOf('.ci/run'),
  }
}

/** The token is good for two seconds. */
async function expectExpiry([answer]: readonly unknown[], { ask, advance }: SigningGateway): Promise<void> {
  const { accessToken: token } = answer as { readonly accessToken: string }
  expect((await ask(firstQuery, { token })).errors).toEqual([])
  advance(2_000)
  const { errors } = await ask(firstQuery, { token })
  expect(errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'EXPIRED' })
}
