import { randomText } from '../random-text.ts'
import type { User } from './accounts.ts'

/** `loggedInAt` is epoch ms. */
export type Session = { user: User; loggedInAt: number }

export type Sessions = ReturnType<typeof createSessions>

const COOKIE = 'emulator_session'

/** The users logged in to LINE, by browser. Only `prompt=none` uses them: the login page always shows all users. */
export function createSessions(now: () => number) {
  const sessions = new Map<string, Session>()

  return { open, find }

  /** `cookie` is the value of the Set-Cookie header. */
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
