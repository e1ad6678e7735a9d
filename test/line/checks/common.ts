import type { Answer } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'

const bad = '/oauth2/v2.1/verify?access_token=garbage'
const common = { endpoint: 'verify', source: at('REF', '#response-headers'), tag: 'D', needs: [] } as const

function hasRequestId({ headers }: Answer): boolean {
  return /^[\w-]{1,64}$/.test(String(headers['x-line-request-id'] ?? ''))
}

function mediaTypeOf({ headers }: Answer): string {
  return String(headers['content-type']).toLowerCase().replaceAll(' ', '')
}

/** What all of LINE's answers have in common. */
export const commonChecks: readonly Check[] = [
  {
    ...common,
    id: 'answers.request-id',
    says: 'Good answers carry `x-line-request-id`.',
    needs: ['accessToken'],
    expected: { verify: true, profile: true },
    run: async (line) => {
      const token = encodeURIComponent(line.hold('accessToken'))
      const verified = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      const profile = await line.getAs(line.hold('accessToken'), '/v2/profile')
      return { verify: hasRequestId(verified), profile: hasRequestId(profile) }
    },
  },
  {
    ...common,
    id: 'answers.request-id-on-errors',
    says: 'Refusals carry `x-line-request-id` too: 400 of verify as well as 401 of the profile.',
    expected: { verify: true, profile: true },
    run: async (line) => ({
      verify: hasRequestId(await line.get(bad)),
      profile: hasRequestId(await line.getAs('garbage', '/v2/profile')),
    }),
  },
  {
    ...common,
    id: 'answers.json',
    says: 'Good answers and refusals are JSON in UTF-8.',
    source: at('JAVA54'),
    tag: 'O',
    expected: { good: 'application/json;charset=utf-8', refusal: 'application/json;charset=utf-8' },
    run: async (line) => ({
      good: mediaTypeOf(await line.get('/oauth2/v2.1/certs')),
      refusal: mediaTypeOf(await line.get(bad)),
    }),
  },
  {
    ...common,
    id: 'answers.not-cached',
    says: 'Answers are not to be stored by anybody on the way.',
    source: at('JAVA54'),
    tag: 'O',
    expected: { noStore: true, nosniff: 'nosniff' },
    run: async (line) => {
      const { headers } = await line.get(bad)
      const noStore = String(headers['cache-control']).includes('no-store')
      return { noStore, nosniff: headers['x-content-type-options'] }
    },
  },
  {
    ...common,
    id: 'answers.no-redirects',
    says: 'The API does not redirect.',
    tag: 'I',
    expected: { locations: [] },
    run: async (line) => {
      const locations: unknown[] = []
      for (const path of ['/oauth2/v2.1/certs', '/v2/profile', bad]) {
        locations.push((await line.get(path)).headers.location ?? [])
      }
      return { locations: locations.flat() }
    },
  },
  {
    ...common,
    id: 'answers.too-large-413',
    endpoint: 'token',
    says: 'A body of more than 2 MB is refused with 413.',
    source: at('REF', '#status-codes'),
    harms: 'sends LINE more than it wants',
    expected: { status: 413 },
    run: async (line) => {
      const padding = 'x'.repeat(2 * 1024 * 1024 + 1)
      return { status: (await line.post('/oauth2/v2.1/token', { grant_type: 'authorization_code', padding })).status }
    },
  },
]
