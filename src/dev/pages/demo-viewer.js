/** Asks the gateway who the user is. */
import { ask, endAfter, readSession, refresh } from './session.js'

const factsOfToken = 'accessToken { channelId scopes expiresIn verifiedAt }'

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
  const query = `{ viewer { id displayName pictureUrl(size: LARGE) statusMessage isFriend ${factsOfToken} } }`
  const whole = await ask(query, {}, accessToken)
  const { data, errors } =
    whole.errors[0]?.code === 'FORBIDDEN' ? await ask(`{ viewer { id ${factsOfToken} } }`, {}, accessToken) : whole
  if (!data.viewer) throw errors[0]
  const { accessToken: facts, ...viewer } = data.viewer
  return {
    ...viewer,
    accessToken: { ...facts, expiresAt: endAfter(facts.expiresIn) },
    isComplete: errors.length === 0,
  }
}
