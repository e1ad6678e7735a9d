import type { ReadingName } from '../../src/tokens/readings.ts'

type Samples = {
  /** The body of a usable answer. */
  readonly usable: object
  /** Bodies that LINE never documents for this endpoint: a member is missing or has the wrong type. */
  readonly unusable: readonly object[]
}

/** LINE's answers (status 200) for each reading. A new reading needs its row here; the compiler says so. */
export const readingSamples: Record<ReadingName, Samples> = {
  profile: {
    usable: { userId: 'U1', displayName: 'Sakura', pictureUrl: 'https://example.com/a', statusMessage: 'Hello' },
    unusable: [
      { displayName: 'x' },
      { userId: 7, displayName: 'x' },
      { userId: '', displayName: 'x' },
      { userId: 'U1' },
    ],
  },
  userinfo: {
    usable: { sub: 'U1' },
    unusable: [{ name: 'x' }, { sub: 7 }, { sub: '' }],
  },
  friendship: {
    usable: { friendFlag: true },
    unusable: [{ friendFlag: 1 }, { friendFlag: 'yes' }, { friendFlag: null }],
  },
}
