import type { Fault } from './faults.ts'

/** What each member of a fault does, and an example of a fault (JSON). */
export const faultGuide: Readonly<Record<keyof Fault, readonly [says: string, example: string]>> = {
  status: ['This HTTP status instead of an answer, from 200 to 599. The call has no effect.', '{"status":503}'],
  body: [
    'This body: a text as it is, anything else as JSON. The status is 200 if none is given.',
    '{"body":{"userId":7}}',
  ],
  headers: ['More headers for the answer. Each is a text.', '{"status":429,"headers":{"retry-after":"5"}}'],
  latencyMs: ['The answer comes later, by this number of ms. The call has its effect at once.', '{"latencyMs":2000}'],
  times: [
    'The fault ends after this number of calls. Without it: it stays until you end it.',
    '{"status":500,"times":3}',
  ],
  hang: ['The request is read and never answered.', '{"hang":true}'],
  reset: ['The connection is reset (TCP).', '{"reset":true}'],
  close: ['The connection ends without an answer.', '{"close":true}'],
  garbage: ['Status 200 with a body that is not JSON.', '{"garbage":true}'],
  empty: ['Status 200 without a body.', '{"empty":true}'],
  truncated: ['The connection ends in the middle of the answer.', '{"truncated":true}'],
  huge: ['The answer is 8 MB longer, or this number of MB, from 1 to 256.', '{"huge":true}'],
  drip: ['The answer comes as one byte every 100 ms.', '{"drip":true}'],
  gzip: ['The answer is compressed although nobody asked. "bomb" unpacks to more than 32 MB.', '{"gzip":"bomb"}'],
  commitThenReset: ['The call has its effect, and then the connection is reset.', '{"commitThenReset":true}'],
}
