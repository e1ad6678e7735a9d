import type { User } from '../../src/emulator/emulator.ts'

/** Users of LINE whose ID and name have the same number in them. */
export function manyUsers(count: number): readonly User[] {
  return Array.from({ length: count }, (_, n) => ({
    userId: `U${n.toString(16).padStart(32, '0')}`,
    displayName: `User ${n}`,
    email: `user-${n}@example.com`,
    pictureUrl: `https://profile.example/picture-${n}`,
  }))
}
