import type { Answer } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'

const refused = '/oauth2/v2.1/verify?access_token=garbage'
const common = { endpoint: 'verify', source: at('REF', '#response-headers'), tag: 'D', needs: [] } as const

function hasRequestId({ headers }: Answer): boolean {
  return /^[\w-]{1,64}$/.test(String(headers['x-line-request-id'] ?? ''))
}

function mediaTypeOf({ headers }: Answer): string {
  return String(headers['content-type']).toLowerCase().replaceAll(' ', '')
}

/** Facts about all answers of LINE. */
export const commonChecks: readonly Check[] = [
  {
    ...common,
    id: 'answers.request-id',
    says: 'A successful answer has an `x-line-request-id` header.',
    needs: ['accessToken'],
    expected: { verify: true, profile: true },
    run: async (line) => {
      const token = encodeURIComponent(line.credential('accessToken'))
      const verified = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      const profile = await line.getAs(line.credential('accessToken'), '/v2/profile')
      return { verify: hasRequestId(verified), profile: hasRequestId(profile) }
    },
  },
  {
    ...common,
    id: 'answers.request-id-on-errors',
    says: 'A refusal has an `x-line-request-id` header too: both 400 from verify and 401 from profile.',
    expected: { verify: true, profile: true },
    run: async (line) => ({
      verify: hasRequestId(await line.get(refused)),
      profile: hasRequestId(await line.getAs('garbage', '/v2/profile')),
    }),
  },
  {
    ...common,
    id: 'answers.json',
    says: 'Successful answers and refusals are JSON in UTF-8.',
    source: at('JAVA54'),
    tag: 'O',
    expected: { good: 'application/json;charset=utf-8', refusal: 'application/json;charset=utf-8' },
    run: async (line) => ({
      good: mediaTypeOf(await line.get('/oauth2/v2.1/certs')),
      refusal: mediaTypeOf(await line.get(refused)),
    }),
  },
  {
    ...common,
    id: 'answers.not-cached',
    says: 'LINE forbids caches to store its answers.',
    source: at('JAVA54'),
    tag: 'O',
    expected: { noStore: true, nosniff: 'nosniff' },
    run: async (line) => {
      const { headers } = await line.get(refused)
      const noStore = String(headers['cache-control']).includes('no-store')
      return { noStore, nosniff: headers['x-content-type-options'] }
    },
  },
  {
    ...common,
    id: 'answers.no-redirects',
    says: 'The API never redirects.',
    tag: 'I',
    expected: { locations: [] },
    run: async (line) => {
      const locations: unknown[] = []
      for (const path of ['/oauth2/v2.1/certs', '/v2/profile', refused]) {
        locations.push((await line.get(path)).headers.location ?? [])
      }
      return { locations: locations.flat() }
    },
  },
  {
    ...common,
    id: 'answers.too-large-413',
    endpoint: 'token',
    says: 'LINE refuses a request body of more than 2 MB with 413.',
    source: at('REF', '#status-codes'),
    harms: 'sends LINE more than it allows',
    expected: { status: 413 },
    run: async (line) => {
      const padding = 'x'.repeat(2 * 1024 * 1024 + 1)
      return { status: (await line.post('/oauth2/v2.1/token', { grant_type: 'authorization_code', padding })).status }
    },
  },
]
