/** Asks the gateway who the user is. */
import { ask, readSession, refresh } from './session.js'

const facts = 'accessToken { channelId scopes expiresAt verifiedAt }'

/** An expired token is refreshed once, and the question repeated. Resolves with the viewer and `isRefreshed`. */
export async function askWho() {
  try {
    return { viewer: await askViewer(), isRefreshed: false }
  } catch (failure) {
    if (failure.reason !== 'EXPIRED') throw failure
    await refresh()
    return { viewer: await askViewer(), isRefreshed: true }
  }
}

/** Without the scope `profile` the card has only the user ID. `isComplete`: LINE answered all parts. */
async function askViewer() {
  const { accessToken } = readSession()
  const query = `{ viewer { id displayName pictureUrl(size: LARGE) statusMessage isFriend ${facts} } }`
  const whole = await ask(query, {}, accessToken)
  const { data, errors } =
    whole.errors[0]?.code === 'FORBIDDEN' ? await ask(`{ viewer { id ${facts} } }`, {}, accessToken) : whole
  if (!data.viewer) throw errors[0]
  return { ...data.viewer, isComplete: errors.length === 0 }
}
