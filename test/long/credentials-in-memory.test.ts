import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { api, exchange, faceSettings, forwardAuth, introspect } from '../harness/faces.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { print } from '../harness/print.ts'
import { project, usePrograms } from '../harness/programs.ts'
import { web } from '../harness/running-gateway.ts'

/** Sends credentials in the text of operations to `npm start`'s program, and searches a snapshot of its memory. */
const programs = usePrograms()
const keyFile = writeKeyFile()
afterAll(keyFile.remove)
let emulator: Emulator
let folder: string
beforeEach(async () => {
  emulator = await startEmulator({ channels: [web] })
  folder = await mkdtemp(join(tmpdir(), 'gateway-heap-'))
})
afterEach(async () => {
  await emulator.close()
  await rm(folder, { recursive: true })
})

const settings = () => ({
  LINE_CHANNEL_ID: web.id,
  LINE_CHANNEL_SECRET: web.secret,
  LINE_API_URL: emulator.url,
  LINE_ACCESS_URL: emulator.url,
  FAILED_TOKENS_BURST: '1000000',
  METRICS_PORT: '0',
  PUBLIC_URL: 'https://id.example',
  ...faceSettings,
  SIGNING_KEYS_FILE: keyFile.path,
  LOG_LEVEL: 'trace',
  HOST: '127.0.0.1',
  PORT: '0',
})

async function startGateway() {
  // With the SDK, so that all spans, and what they keep in memory, are in the snapshot.
  const tracing = join(project, 'test/harness/keep-spans.ts')
  const flags = ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`, '--import', tracing]
  const program = programs.start(process.execPath, [...flags, join(project, 'src/main.ts')], settings(), folder)
  return { program, url: await program.printed(/"url":"(http:[^"]+)".*"listening"/) }
}

const literals: readonly ((secret: string) => string)[] = [
  (it) => `{ verifyAccessToken(accessToken: "${it}") { active } }`,
  (it) => `{ verifyAccessTokens(accessTokens: ["${it}", "x"]) { active reason } }`,
  (it) => `{ verifyAccessToken(accessToken: """${it}""") { active } }`,
  (it) => `{ verifyAccessToken(accessToken: "${it}") { active @skip(if: false) } }`,
  (it) => `{ verifyIdToken(input: { idToken: "${it}" }) { sub } }`,
  (it) => `mutation { refreshToken(input: { refreshToken: "${it}" }) { tokenType } }`,
  (it) => `mutation { revokeToken(input: { accessToken: "${it}" }) { revoked } }`,
  (it) => `mutation { logout(input: { refreshToken: "${it}" }) { revoked } }`,
  (it) => `mutation { exchangeLogin(input: { code: "${it}", redirectUri: "https://a.example" }) { idToken } }`,
  (it) => `mutation { startLogin(input: { redirectUri: "https://a.example?${it}" }) { state } }`,
  (it) => `query ($token: String! = "${it}") { verifyAccessToken(accessToken: $token) { active } }`,
  (it) => `{ viewer { id } } # ${it}`,
  (it) => `# ${it}\n{ viewer { displayName } }`,
  (it) => `{ viewer { id @skip(if: "${it}") } }`,
]

const names: readonly ((secret: string) => string)[] = [
  (it) => `{ ${it}: __typename }`,
  (it) => `query ${it} { viewer { displayName } }`,
  (it) => `{ viewer { ...${it} } } fragment ${it} on Viewer { id }`,
  (it) => `query ($${it}: PictureSize) { viewer { pictureUrl(size: $${it}) } }`,
  (it) => `{ viewer { ${it} } }`,
  (it) => `{ viewer { id @${it} } }`,
  (it) => `{ viewer { pictureUrl(size: ${it}) } }`,
  (it) => `{ viewer { id ${it}`,
]

const withVariables = [
  'query ($it: String!) { verifyAccessToken(accessToken: $it) { active } }',
  'query ($it: String!) { verifyIdToken(input: { idToken: $it }) { sub } }',
  'mutation ($it: String!) { refreshToken(input: { refreshToken: $it }) { tokenType } }',
  'mutation ($it: String!) { exchangeLogin(input: { code: $it, redirectUri: $it }) { idToken } }',
  'query ($it: Int) { __typename }',
]

/** The faces: bad tokens, wrong secrets of clients, other members of a form. */
const faces: readonly ((gateway: { readonly url: string }, secret: string) => Promise<unknown>)[] = [
  (to, it) => forwardAuth(to, it),
  (to, it) => forwardAuth(to, 'x', undefined, `/auth?token=${it}`),
  (to, it) => introspect(to, it),
  (to, it) => introspect(to, 'x', undefined, { id: api.id, secret: it }),
  (to, it) => exchange(to, it),
  (to, it) => exchange(to, 'x', undefined, { audience: it }),
  (to, it) => exchange(to, 'x', undefined, { scope: it, [it]: it }),
]

const urls: readonly ((secret: string) => string)[] = [
  (it) => `/graphql?query={__typename}&variables={"it":"${it}"}`,
  (it) => `/graphql?query={__typename}&operationName=${it}`,
  (it) => `/graphql?query=query($it:String!){verifyAccessToken(accessToken:$it){active}}&variables={"it":"${it}"}`,
  (it) => `/graphql?query={verifyAccessToken(accessToken:"${it}"){active}}`,
  (it) => `/health?token=${it}`,
  (it) => `/.well-known/openid-configuration?token=${it}`,
  (it) => `/.well-known/oauth-authorization-server?token=${it}`,
  (it) => `/${it}`,
]

describe('a credential in a header, in the text of an operation, in its variables or in a URL', () => {
  it('is not in the memory, the log or a span after the answer (D15, G10)', async () => {
    const { program, url } = await startGateway()
    const ask = async (query: string, variables = {}) => {
      const { accessToken } = emulator.issueTokens()
      if (inUse.length < 50) inUse.push(accessToken)
      const headers = { ...strange(), 'content-type': 'application/json', authorization: `Bearer ${accessToken}` }
      const body = JSON.stringify({ query, variables })
      await (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).text()
    }
    const strange = () => ({
      traceparent: `00-${randomBytes(16).toString('hex')}-00f067aa0ba902b7-01`,
      tracestate: `canary=${canary(inHeaders)}`,
      baggage: `canary=${canary(inHeaders)}`,
      'user-agent': canary(inHeaders),
      referer: `https://a.example/${canary(inHeaders)}`,
    })
    const inUse: string[] = []
    const inHeaders: string[] = []
    const inLiterals: string[] = []
    const inNames: string[] = []
    const inVariables: string[] = []
    const inUrls: string[] = []
    const inFaces: string[] = []
    for (let round = 0; round < 3; round += 1) {
      for (const text of literals) await ask(text(canary(inLiterals)))
      for (const text of names) await ask(text(canary(inNames)))
      for (const text of withVariables) await ask(text, { it: canary(inVariables) })
      for (const face of faces) await face({ url }, canary(inFaces))
      for (const path of urls) await (await fetch(url + path(canary(inUrls)))).text()
    }
    // All tokens that are in use, once more: their records are warm now.
    for (const token of inUse) {
      const headers = { ...strange(), authorization: `Bearer ${token}` }
      await (await fetch(`${url}/graphql?query={viewer{displayName}}`, { headers })).text()
    }
    const snapshot = await takeSnapshot(program.process.pid ?? 0, url)
    const found = (secrets: readonly string[]) => secrets.filter((secret) => snapshot.includes(secret)).length
    print(`${found(inLiterals)} of ${inLiterals.length} credentials in strings and comments are in memory`)
    print(`${found(inNames)} of ${inNames.length} credentials in names are in memory`)
    print(`${found(inVariables)} of ${inVariables.length} credentials in variables are in memory`)
    print(`${found(inUrls)} of ${inUrls.length} credentials in URLs are in memory`)
    print(`${found(inFaces)} of ${inFaces.length} credentials at the faces are in memory`)
    print(`${found(inUse)} of ${inUse.length} access tokens in use are in memory`)
    print(`${found(inHeaders)} of ${inHeaders.length} texts in headers are in memory`)
    for (const text of ['verifyAccessToken', 'GET /oauth2/v2.1/verify', 'gateway.lookup.tier'])
      expect(snapshot).toContain(text)
    expect(inUse).toHaveLength(50)
    expect(found(inUse)).toBeLessThanOrEqual(10)
    expect(found(inHeaders)).toBeLessThanOrEqual(10)
    expect(found(inLiterals)).toBe(0)
    // For each place in its code, the engine remembers the last name that it looked up.
    expect(found(inNames)).toBeLessThanOrEqual(names.length)
    expect(found(inVariables) + found(inUrls) + found(inFaces)).toBeLessThanOrEqual(4)
    expect(
      [...inUse, ...inHeaders, ...inLiterals, ...inNames, ...inVariables, ...inUrls, ...inFaces].filter((secret) =>
        program.out().includes(secret),
      ),
    ).toEqual([])
  })
})

function canary(into: string[]): string {
  const secret = `Canary${randomBytes(20).toString('hex')}`
  into.push(secret)
  return secret
}

async function takeSnapshot(pid: number, url: string): Promise<string> {
  process.kill(pid, 'SIGUSR2')
  for (;;) {
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.heapsnapshot'))
    if (file === undefined) await sleep(100)
    else {
      // The process writes the whole file in one turn of its event loop, so it answers when the file is complete.
      await (await fetch(`${url}/health`)).text()
      return readFile(join(folder, file), 'utf8')
    }
  }
}
