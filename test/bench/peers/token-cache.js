import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'

/** A cache of the gateway's design: SHA-256 keys, an LRU that answers synchronously, single flight, undici. */
export function createTokenCache({ LINE_API_URL, LINE_CHANNEL_ID, CACHE_MAX_TOKENS = '100000' }) {
  const line = new Pool(LINE_API_URL, { connections: 64 })
  const records = new LRUCache({ max: Number(CACHE_MAX_TOKENS) })
  const flights = new Map()

  return { find }

  /** Returns a record, or a promise of one if LINE must be called. */
  function find(token) {
    const key = hash('sha256', token, 'base64url')
    const record = records.get(key)
    if (record !== undefined && record.expiresAt > Date.now()) return record
    return flights.get(key) ?? fly(key, token)
  }

  function fly(key, token) {
    const flight = ask(token, getWithUndici)
      .then((record) => {
        records.set(key, record)
        return record
      })
      .finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }

  async function getWithUndici(path, headers) {
    const { body } = await line.request({ method: 'GET', path, headers })
    return body.json()
  }

  /** Verify, then read the profile. */
  async function ask(token, get) {
    const verified = await get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)
    return toRecord(verified, await get('/v2/profile', { authorization: `Bearer ${token}` }), LINE_CHANNEL_ID)
  }
}

/** Without a cache: `fetch`, and both calls for every request. */
export function createNaiveLookUp({ LINE_API_URL, LINE_CHANNEL_ID }) {
  return { find }

  async function find(token) {
    const verified = await get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)
    return toRecord(verified, await get('/v2/profile', { authorization: `Bearer ${token}` }), LINE_CHANNEL_ID)
  }

  async function get(path, headers = {}) {
    const response = await fetch(LINE_API_URL + path, { headers })
    return response.json()
  }
}

function toRecord(verified, profile, channelId) {
  if (verified.client_id !== channelId || !(verified.expires_in > 0)) throw new Error('UNAUTHENTICATED')
  const verifiedAt = Date.now()
  const expiresAt = verifiedAt + verified.expires_in * 1000
  return {
    id: profile.userId,
    displayName: profile.displayName,
    pictureUrl: profile.pictureUrl ?? null,
    statusMessage: profile.statusMessage ?? null,
    expiresAt,
    accessToken: { channelId: verified.client_id, scopes: verified.scope.split(' '), expiresAt, verifiedAt },
  }
}
