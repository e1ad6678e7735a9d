import { randomText } from '../random-text.ts'
import type { User } from './accounts.ts'

/** `loggedInAt` in epoch ms. */
export type Session = { user: User; loggedInAt: number }

export type Sessions = ReturnType<typeof createSessions>

const COOKIE = 'emulator_session'

/** Who is logged in to LINE in which browser. Only `prompt=none` asks; the login page always lets the user choose. */
export function createSessions(now: () => number) {
  const sessions = new Map<string, Session>()

  return { open, find }

  /** Returns the Set-Cookie line. */
  function open(user: User): { cookie: string; session: Session } {
    const id = randomText(18)
    const session = { user, loggedInAt: now() }
    sessions.set(id, session)
    return { cookie: `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax`, session }
  }

  function find(cookies: string | undefined): Session | undefined {
    const entry = cookies?.split(/; */).find((cookie) => cookie.startsWith(`${COOKIE}=`))
    return entry === undefined ? undefined : sessions.get(entry.slice(COOKIE.length + 1))
  }
}
