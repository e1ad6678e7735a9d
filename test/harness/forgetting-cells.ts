/** How the session under test came to be. */
export const origins = ['login', 'login without openid', 'refresh', 'seen'] as const
/** Where the session under test is when somebody asks to forget. */
export const places = [
  'at rest with its profile',
  'at rest, verified only',
  'verification in flight',
  'profile in flight',
  'refresh in flight',
  'exchange in flight',
  'evicted and back',
] as const
export const acts = [
  'logout with refresh token',
  'logout',
  'revoke access token',
  'revoke refresh token',
  'deauthorize',
  'deauthorize on the laptop',
  'deauthorize by another user',
] as const
/** How LINE is from the act on. `mute`: the endpoints for revoking answer 503, all others work. */
export const lines = ['up', 'slow', 'mute', 'down', 'hanging'] as const
/**
 * Where the credentials are used: on the replica that forgot them, or on another one, and what that one knew of them.
 *
 *     same            there is one replica
 *     knows           another one, which was asked about them before
 *     does not know   another one, which was never asked
 *     opened it       another one: the sessions began there, and the replica that forgets saw nothing of them
 *     starts later    another one, which starts after the act
 */
const replicas = ['same', 'knows', 'does not know', 'opened it', 'starts later'] as const

export type Cell = {
  readonly origin: (typeof origins)[number]
  readonly place: (typeof places)[number]
  readonly act: (typeof acts)[number]
  readonly line: (typeof lines)[number]
  readonly replica: (typeof replicas)[number]
}

/**
 * The credentials of a cell. The phone's session is the one under test: it has `access` and `refresh`. `new access` and
 * `new refresh` come from the refresh or the exchange in flight. The laptop is another session of the same user, and its
 * profile was asked for. The bystander is another user of the same channel.
 */
const accessTokens = ['access', 'new access', 'laptop access', 'bystander access'] as const
const refreshTokens = ['refresh', 'new refresh', 'laptop refresh', 'bystander refresh'] as const

export type AccessName = (typeof accessTokens)[number]
export type RefreshName = (typeof refreshTokens)[number]
export type Name = AccessName | RefreshName

/**
 * What the contract says about a credential after the act.
 *
 *     dead        refused at once and for ever
 *     dead later  a record of a user that we never learned: served as stale while LINE is down, then refused (D16)
 *     alive       has nothing to do with the act: never refused
 *     open        the contract does not say; the table lists what happens
 */
export type Fate = 'dead' | 'dead later' | 'alive' | 'open'

export function allCells(): readonly Cell[] {
  return cellsOf('same')
}

/** All cells with two replicas. */
function allCellsOfTwo(): readonly Cell[] {
  return replicas.filter((replica) => replica !== 'same').flatMap(cellsOf)
}

/**
 * A quarter of them: what the other replica knows takes turns over the sessions, so that each of the four meets each place, act
 * and state of LINE.
 */
export function quarterOfTwo(): readonly Cell[] {
  const rankOf = ({ origin, place, act, line, replica }: Cell) =>
    origins.indexOf(origin) +
    places.indexOf(place) +
    acts.indexOf(act) +
    lines.indexOf(line) +
    replicas.indexOf(replica)
  return allCellsOfTwo().filter((cell) => rankOf(cell) % origins.length === 0)
}

function cellsOf(replica: Cell['replica']): readonly Cell[] {
  return lines.flatMap((line) =>
    placesOf(replica).flatMap((place) =>
      acts.flatMap((act) => origins.map((origin) => ({ origin, place, act, line, replica }) as const)),
    ),
  )
}

/** On a replica that starts after the act, nothing can have been in flight. */
function placesOf(replica: Cell['replica']): readonly Cell['place'][] {
  return replica === 'starts later' ? places.filter((place) => !place.endsWith('in flight')) : places
}

/** The pairs of a place and an act that matter most, each once. Sessions and states of LINE take turns. */
export function importantCells(): readonly Cell[] {
  const turns = ['up', 'down', 'mute'] as const
  return places.slice(1).flatMap((place, row) =>
    acts
      .filter((act) => act !== 'revoke access token')
      .map((act, column) => ({
        origin: origins[(row + column + Math.floor(column / origins.length)) % origins.length] ?? 'login',
        place,
        act,
        line: turns[(row * 2 + column) % turns.length] ?? 'up',
        replica: 'same' as const,
      })),
  )
}

export function nameOf({ origin, place, act, line, replica }: Cell): string {
  return `${origin} / ${place} / ${act} / LINE ${line}${replica === 'same' ? '' : ` / another replica ${replica}`}`
}

/** The credentials that exist in a cell. */
export function namesIn({ place }: Cell): readonly Name[] {
  const access = accessTokens.filter((name) => name !== 'new access' || brings(place))
  const refresh = refreshTokens.filter((name) => name !== 'new refresh' || place === 'exchange in flight')
  return [...access, ...refresh]
}

function brings(place: Cell['place']): boolean {
  return place === 'refresh in flight' || place === 'exchange in flight'
}

export function fateOf(cell: Cell, name: Name): Fate {
  if (cell.act === 'deauthorize by another user') return fateOfBystander(cell, name)
  if (name.startsWith('bystander')) return 'alive'
  if (isDeauthorize(cell)) return fateOfUser(cell, name)
  return fateInSession(cell, name)
}

/** Logout and revocation: of the phone's session alone. */
function fateInSession(cell: Cell, name: Name): Fate {
  const { act, origin, place } = cell
  const endsSession = act === 'logout with refresh token' || act === 'revoke refresh token'
  if (name === 'access') return act === 'revoke refresh token' && origin === 'seen' ? 'open' : 'dead'
  if (isInFlightElsewhere(cell) && (name === 'refresh' || name === 'new access')) return 'open'
  // LINE gives the refresh token back on a refresh, so the new access token is of the phone's session.
  if (name === 'new access') return place === 'refresh in flight' && endsSession ? 'dead' : 'alive'
  if (name === 'refresh' && endsSession) return isJunkToUs(cell) && !isTold(cell) ? 'open' : 'dead'
  return 'alive'
}

/** A refresh token that we never saw, revoked by itself: for us it looks like junk until LINE answers. */
function isJunkToUs({ act, origin, place }: Cell): boolean {
  return act === 'revoke refresh token' && origin === 'seen' && place !== 'refresh in flight'
}

/** The first refresh of a session that no replica has seen, while another replica is asked to revoke its refresh token. */
function isInFlightElsewhere({ act, origin, place, replica }: Cell): boolean {
  return replica !== 'same' && act === 'revoke refresh token' && origin === 'seen' && place === 'refresh in flight'
}

function fateOfUser(cell: Cell, name: Name): Fate {
  if (name === actorOf(cell)) return 'dead'
  // Nobody can say who the user is: it fails as an outage, and the token of the caller alone is dead.
  if (!isActorKnown(cell)) return 'open'
  if (refreshTokens.some((one) => one === name)) return isTold(cell) || !isHidden(cell, name) ? 'dead' : 'open'
  return isUserKnown(cell, name) || readsProfiles(cell) ? 'dead' : 'dead later'
}

function fateOfBystander(cell: Cell, name: Name): Fate {
  if (name === 'bystander access') return 'dead'
  if (name === 'bystander refresh') return isActorKnown(cell) ? 'dead' : 'open'
  return 'alive'
}

/** The refresh token of a session that was only ever seen: we never saw it. LINE ends it when LINE hears of the act. */
function isHidden({ origin, place }: Cell, name: Name): boolean {
  return origin === 'seen' && (name === 'laptop refresh' || (name === 'refresh' && place !== 'refresh in flight'))
}

function actorOf({ act }: Cell): AccessName {
  if (act === 'deauthorize on the laptop') return 'laptop access'
  return act === 'deauthorize by another user' ? 'bystander access' : 'access'
}

/** Whether the gateway knows the user of the token that deauthorizes, or can ask LINE. */
function isActorKnown(cell: Cell): boolean {
  return readsProfiles(cell) || isUserKnown(cell, actorOf(cell))
}

/** Whether the gateway learned the user: from an ID token or from a profile. It outlives an evicted record. */
function isUserKnown({ origin, place }: Cell, name: Name): boolean {
  if (name === 'laptop access' || name === 'bystander access') return true
  if (name === 'new access' && place === 'exchange in flight') return origin !== 'login without openid'
  return origin === 'login' || place === 'at rest with its profile' || place === 'evicted and back'
}

function readsProfiles({ line }: Cell): boolean {
  return line === 'up' || line === 'slow' || line === 'mute'
}

/** Whether LINE hears of the act at once. */
export function isTold({ line }: Cell): boolean {
  return line === 'up' || line === 'slow'
}

function isDeauthorize({ act }: Cell): boolean {
  return act === 'deauthorize' || act === 'deauthorize on the laptop'
}

/** The credentials that LINE must have ended within 20 s of its recovery: those that we had verified or issued (D17). */
export function mustBeTold(cell: Cell): readonly Name[] {
  const { act, origin, place } = cell
  const isCold = origin === 'seen' && place === 'verification in flight'
  if (act === 'deauthorize by another user') return isTold(cell) || isActorKnown(cell) ? ['bystander access'] : []
  if (isDeauthorize(cell)) return isActorKnown(cell) ? ['access', 'laptop access'] : []
  if (act === 'revoke refresh token') return isTold(cell) || origin !== 'seen' ? ['refresh'] : []
  if (isCold && !isTold(cell)) return []
  if (act !== 'logout with refresh token') return ['access']
  return isTold(cell) || origin !== 'seen' ? ['access', 'refresh'] : ['access']
}

/** Whether the gateway had verified this token before the act, so that it answers for it while LINE is down. */
export function wasVerified({ origin, place }: Cell, name: Name): boolean {
  if (place === 'evicted and back') return name === 'access'
  if (name === 'new access') return false
  return name !== 'access' || origin !== 'seen' || place !== 'verification in flight'
}
