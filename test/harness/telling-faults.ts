import type { Fault } from '../../src/emulator/emulator.ts'

/** The faults of LINE, by name. `it`: a secret, for each place of an answer that can hold one. */
export const tellingFaults: Readonly<Record<string, (it: string) => Fault>> = {
  none: () => ({ latencyMs: 1 }),
  refused: (it) => ({ status: 400, body: { error: it, error_description: `${it} is wrong` } }),
  'our settings': (it) => ({ status: 401, body: { error: 'invalid_client', error_description: it } }),
  limited: (it) => ({ status: 429, headers: { 'retry-after': it, 'x-line-request-id': it }, body: { message: it } }),
  failed: (it) => ({ status: 503, body: it, headers: { [it.slice(0, 20).replaceAll('.', '-')]: it } }),
  'wrong types': (it) => ({ body: { client_id: it, scope: [it], expires_in: it, keys: [{ kid: it }], [it]: it } }),
  redirect: (it) => ({ status: 302, headers: { location: `https://${it}.example/${it}` } }),
  reset: () => ({ reset: true }),
  close: () => ({ close: true }),
  garbage: () => ({ garbage: true }),
  empty: () => ({ empty: true }),
  truncated: () => ({ truncated: true }),
  huge: () => ({ huge: 1 }),
  gzip: () => ({ gzip: true }),
  commitThenReset: () => ({ commitThenReset: true }),
}
