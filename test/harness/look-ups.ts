import { setTimeout as sleep } from 'node:timers/promises'
import type { IssuedTokens } from '../../src/emulator/emulator.ts'
import { type Fleet, type Replica, replicaAt } from './fleet.ts'
import { codesOf } from './running-gateway.ts'

/**
 * `warm`: the replica has the token in its memory. `shared`: another replica has verified it, so Redis has it, if Redis
 * works. `new`: no replica has seen it.
 */
type Kind = 'warm' | 'shared' | 'new'
const kinds: readonly Kind[] = ['warm', 'shared', 'new']

type Known = { readonly userId: string; readonly displayName: string; readonly token: string; readonly seenBy: number }
export type LookUp = { readonly kind: Kind; readonly waitMs: number; readonly outcome: string }

const warmTokens = 50
/** How often look-ups that are due are sent. */
const tickMs = 10
/** Two seconds of the usual load. A machine that is slower than the load would get ever more of them, and answer none in time. */
const mostOpen = 600

/** Looks up viewers at all replicas at a steady rate, whether or not earlier ones were answered. */
export async function startLookUps(fleet: Fleet, perSecond: number) {
  const lookUps: LookUp[] = []
  const seen: Known[] = []
  const warm = Array.from({ length: warmTokens }, () => newToken(0))
  for (const replica of fleet.replicas) await Promise.all(warm.map((known) => lookUp('new', replica, known)))
  lookUps.length = 0
  const start = performance.now()
  let sent = 0
  const open = new Set<Promise<void>>()
  const timer = setInterval(sendDue, tickMs)
  return { answered, stop }

  /** Whether all look-ups sent so far are answered within this time. */
  function answered(withinMs: number): Promise<boolean> {
    return Promise.race([Promise.all(open).then(() => true), sleep(withinMs, false, { ref: false })])
  }

  /** Resolves with all look-ups when the last one was answered. */
  async function stop(): Promise<readonly LookUp[]> {
    clearInterval(timer)
    await Promise.all(open)
    return lookUps
  }

  function sendDue(): void {
    for (const due = ((performance.now() - start) / 1_000) * perSecond; sent < due; sent += 1) {
      if (open.size >= mostOpen) continue
      const asked = send(kinds[sent % kinds.length] ?? 'warm', Math.floor(sent / kinds.length))
      open.add(asked)
      void asked.then(() => open.delete(asked))
    }
  }

  function send(kind: Kind, n: number): Promise<void> {
    if (kind === 'warm') return lookUp(kind, replicaAt(fleet, n), warm[n % warm.length] ?? newToken(n))
    const known = kind === 'shared' ? seen.shift() : undefined
    if (known !== undefined) return lookUp('shared', replicaAt(fleet, known.seenBy + 1), known)
    const fresh = newToken(n)
    return lookUp('new', replicaAt(fleet, n), fresh).then(() => void seen.push(fresh))
  }

  function newToken(seenBy: number): Known {
    const { users } = fleet.emulator
    const { userId, displayName } = users[Math.floor(Math.random() * users.length)] ?? { userId: '', displayName: '' }
    const { accessToken }: IssuedTokens = fleet.emulator.issueTokens({ userId })
    return { userId, displayName, token: accessToken, seenBy }
  }

  async function lookUp(kind: Kind, replica: Replica, known: Known): Promise<void> {
    const begun = performance.now()
    const outcome = await viewed(replica, known).catch((error: Error) => `no answer: ${error.message}`)
    lookUps.push({ kind, waitMs: performance.now() - begun, outcome })
  }
}

/** `answered`, or what is wrong with the answer. */
async function viewed(replica: Replica, { token, userId, displayName }: Known): Promise<string> {
  const reply = await replica.ask('{ viewer { id displayName } }', { token })
  const viewer = reply.data?.viewer as { id: string; displayName: string } | null | undefined
  if (viewer == null) return codesOf(reply).join() || `status ${reply.status}`
  return viewer.id === userId && viewer.displayName === displayName ? 'answered' : 'another user'
}

/** How many failed, and how long the others of each kind waited. */
export function lookUpsText(lookUps: readonly LookUp[]): string {
  const failed = failuresIn(lookUps)
  const waits = kinds.map((kind) => {
    const sorted = lookUps.filter((one) => one.kind === kind).map(({ waitMs }) => waitMs)
    sorted.sort((a, b) => a - b)
    const at = (share: number) => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(0)
    return `${kind} p50 ${at(0.5)} p99 ${at(0.99)} longest ${at(1)} ms`
  })
  return `${lookUps.length} look-ups, failed ${failed.length}${failed.length > 0 ? ` (${new Set(failed)})` : ''}; ${waits.join('; ')}`
}

export function failuresIn(lookUps: readonly LookUp[]): string[] {
  return lookUps.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'answered')
}
