import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { OauthClient } from '../config.ts'
import { type NameAndSecret, readBasic } from '../http/basic-credentials.ts'
import type { Form } from '../http/form.ts'
import { RequestRefused } from '../http/read-request.ts'
import { shareOf } from '../tokens/shares.ts'
import type { SourceBuckets } from '../tokens/source-gate.ts'
import { oauthError, unavailable } from './oauth-answers.ts'

/** A service of OAUTH_CLIENTS that has sent its secret. */
export type KnownClient = {
  readonly id: string
  /** Its client address for calls to LINE: a share of the places, and no bucket. */
  readonly share: string
}

/**
 * Makes the function that says which client has sent a request (RFC 6749 section 2.3.1). Throws `RequestRefused` without a
 * right secret. A wrong one takes a token from the bucket of its address; a right one always passes.
 */
export function createClientAuthentication(clients: readonly OauthClient[], buckets: SourceBuckets) {
  const known = new Map(
    clients.map(({ id, secret }) => [id, { id, share: shareOf(`oauth client ${id}`), digest: digest(secret) }]),
  )
  const nobody = { digest: randomBytes(32) }

  return function authenticate(request: IncomingMessage, form: Form, clientAddress: string): KnownClient {
    // All readings are compared, so that the time does not show which one was right.
    const [client] = credentialsIn(request, form).flatMap(find)
    if (client !== undefined) return client
    const limit = buckets.limitFor(clientAddress)
    if (limit !== undefined) throw unavailable(limit)
    buckets.count(clientAddress, 'refused')
    throw invalidClient('No client has this secret')
  }

  function find({ id, secret }: NameAndSecret): readonly KnownClient[] {
    const client = known.get(id)
    const isRight = timingSafeEqual(digest(secret), (client ?? nobody).digest)
    return isRight && client !== undefined ? [client] : []
  }
}

/** The credentials in the header or in the body. More than one way at once is forbidden. */
function credentialsIn({ headers: { authorization } }: IncomingMessage, form: Form): readonly NameAndSecret[] {
  const [id, secret] = [form.get('client_id'), form.get('client_secret')]
  if (authorization === undefined || authorization === '') {
    if (id === undefined || secret === undefined) throw invalidClient('The client must send its id and its secret')
    return [{ id, secret }]
  }
  if (secret !== undefined)
    throw oauthError('invalid_request', 'Send the secret in the header or in the body, not in both')
  const readings = readBasic(authorization)
  if (readings.length === 0)
    throw invalidClient('The Authorization header must be Basic, with the id and the secret of the client')
  const ofBody = readings.filter((reading) => id === undefined || reading.id === id)
  if (ofBody.length === 0)
    throw oauthError('invalid_request', 'client_id names another client than the Authorization header')
  return ofBody
}

function invalidClient(description: string): RequestRefused {
  return new RequestRefused(401, description, {
    code: 'invalid_client',
    headers: { 'www-authenticate': 'Basic realm="line"' },
  })
}

function digest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}
