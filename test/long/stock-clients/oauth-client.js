import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

/**
 * A service that uses oauth4webapi. Each line of its input is a JSON array: the name of a function of `calls` and its
 * argument. For each line it prints one: `{ value }` or `{ error }`.
 */
const { issuer } = JSON.parse(process.argv[2])
const insecure = { [oauth.allowInsecureRequests]: true }
const authenticate = {
  none: () => oauth.None(),
  client_secret_basic: (secret) => oauth.ClientSecretBasic(secret),
  client_secret_post: (secret) => oauth.ClientSecretPost(secret),
}
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const calls = { discover, exchange, introspect, validate }
let server

for await (const line of createInterface({ input: process.stdin })) {
  const [name, argument] = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(await outcomeOf(() => calls[name](argument)))}\n`)
}

async function outcomeOf(call) {
  try {
    return { value: await call() }
  } catch (error) {
    const { name, code, message, status, cause } = error
    return { error: { name, code, message, status, body: cause?.error ?? cause?.body?.error } }
  }
}

async function discover({ algorithm }) {
  const url = new URL(issuer)
  const response = await oauth.discoveryRequest(url, { ...insecure, algorithm })
  server = await oauth.processDiscoveryResponse(url, response)
  return server
}

async function exchange({ parameters, clientId = 'shop' }) {
  const client = { client_id: clientId }
  const response = await oauth.genericTokenEndpointRequest(
    server,
    client,
    oauth.None(),
    exchangeGrant,
    parameters,
    insecure,
  )
  return oauth.processGenericTokenEndpointResponse(server, client, response)
}

async function introspect({ token, client: { id, secret }, method, signedBy }) {
  const client = { client_id: id, ...(signedBy && { introspection_signed_response_alg: signedBy }) }
  const response = await oauth.introspectionRequest(server, client, authenticate[method](secret), token, insecure)
  const answer = await oauth.processIntrospectionResponse(server, client, response)
  if (signedBy) await oauth.validateApplicationLevelSignature(server, response, insecure)
  return { answer, contentType: response.headers.get('content-type') }
}

function validate({ token, audience }) {
  const headers = { authorization: `Bearer ${token}` }
  const request = new Request('https://api.example/', { headers })
  return oauth.validateJwtAccessToken(server, request, audience, insecure)
}
