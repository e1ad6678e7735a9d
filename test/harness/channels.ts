import type { Channel } from '../../src/emulator/emulator.ts'

/** Where the clocks of tests start. Epoch ms. */
export const START_MS = Date.UTC(2026, 0, 1)

/** The channels of the emulator in tests. The gateway never has the foreign one. */
export const [web, native, liff, foreign]: [Channel, Channel, Channel, Channel] = [
  { id: '1000000001', secret: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', type: 'web' },
  { id: '1000000002', secret: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', type: 'native' },
  { id: '1000000003', secret: 'cccccccccccccccccccccccccccccccc', type: 'liff' },
  { id: '1000000009', secret: 'dddddddddddddddddddddddddddddddd', type: 'web' },
]

/** Settings of a gateway with all channels except the foreign one. */
export const ourChannels = { LINE_CHANNELS: JSON.stringify([web, native, liff]) }

/** For tests in which LINE refuses many tokens and that are not about the limit of a client address. */
export const noSourceLimit = { FAILED_TOKENS_BURST: '1000000', FAILED_TOKENS_PER_SECOND: '1000000' }
