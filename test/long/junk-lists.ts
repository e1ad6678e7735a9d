import { Agent, request as httpRequest } from 'node:http'

/**
 * A program that sends lists of junk tokens to the gateway at URL, over 200 connections, and prints how
 * many were answered. `same`: all lists have the same tokens.
 */
const { URL: url = '', LISTS = '1500', same } = process.env
const agent = new Agent({ keepAlive: true, maxSockets: 200 })
const query = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { active } }'

const bodies = Array.from({ length: Number(LISTS) }, (_, list) => {
  const tokens = Array.from({ length: 100 }, (_, n) => `junk.${same ? 0 : list}.${n}`)
  return JSON.stringify({ query, variables: { tokens } })
})
const answers = await Promise.all(bodies.map(send))
const answered = answers.filter((status) => status === 200).length
agent.destroy()
process.stdout.write(`answered ${answered}\n`)

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
