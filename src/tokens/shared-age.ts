import { clockSkewMs } from './shared-forgetting.ts'

const timeBytes = 8

/**
 * An entry in Redis can be made to last for ever, or be stored a second time. So what is sealed has the time of its writing
 * in front, and its reader does not depend on the end that Redis has for it. `wallTime`: epoch ms.
 */
export function withTime(value: Buffer, wallTime: number): Buffer {
  const time = Buffer.alloc(timeBytes)
  time.writeDoubleBE(wallTime)
  return Buffer.concat([time, value])
}

/** `undefined`: it was written more than `forMs` ago, or has no time. The clocks of two processes may differ by 5 s. */
export function unlessOlder(forMs: number, bytes: Buffer, wallTime: number): Buffer | undefined {
  const isYoung = bytes.length >= timeBytes && wallTime - bytes.readDoubleBE() <= forMs + clockSkewMs
  return isYoung ? bytes.subarray(timeBytes) : undefined
}
