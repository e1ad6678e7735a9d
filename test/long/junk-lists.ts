import { Agent, request as httpRequest } from 'node:http'

/**
 * A program that sends lists of junk tokens to the gateway at URL, over 200 connections, and prints how
 * many were answered. `same`: all lists have the same tokens. `idTokens`: each list has 12 ID tokens of 8 KB with invented
 * kids, which are large once they are read.
 */
const { URL: url = '', LISTS = '1500', same, idTokens } = process.env
const agent = new Agent({ keepAlive: true, maxSockets: 200 })
const query = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { active } }'

const claims = { iss: 'https://access.line.me', aud: '1000000001', x: Array.from({ length: 1_900 }, () => ({})) }
const names = Array.from({ length: 12 }, (_, n) => `t${n}`)
const idTokenQuery = `query (${names.map((name) => `$${name}: String!`)}) {
  ${names.map((name) => `${name}: verifyIdToken(input: { idToken: $${name} }) { sub }`).join(' ')} }`
const payload = encode(claims)

const bodies = Array.from({ length: Number(LISTS) }, (_, list) => {
  if (idTokens) return listOfIdTokens(list)
  const tokens = Array.from({ length: 100 }, (_, n) => `junk.${same ? 0 : list}.${n}`)
  return JSON.stringify({ query, variables: { tokens } })
})
const answers = await Promise.all(bodies.map(send))
const answered = answers.filter((status) => status === 200).length
agent.destroy()
process.stdout.write(`answered ${answered}\n`)

function listOfIdTokens(list: number): string {
  const tokens = names.map((name) => [name, `${encode({ alg: 'ES256', kid: `${list}.${name}` })}.${payload}.AAAA`])
  return JSON.stringify({ query: idTokenQuery, variables: Object.fromEntries(tokens) })
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function send(body: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = httpRequest(`${url}/graphql`, { method: 'POST', headers, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    sent.on('error', () => resolve(undefined))
    sent.end(body)
  })
}
