import type { LineRequest } from './line-request.ts'
import { empty, type LineResponse, refusal } from './line-response.ts'
import { isLoopbackOrigin } from './loopback-host.ts'

/**
 * Lets pages of this machine call an endpoint, whatever their port. A page of another origin gets 403, also without a
 * preflight: it could change the emulator, although it cannot read the answer.
 */
export function openToLoopback(answer: (request: LineRequest) => LineResponse): (request: LineRequest) => LineResponse {
  return (request) => {
    const { origin } = request.headers
    if (origin !== undefined && !isLoopbackOrigin(origin)) return foreignOrigin
    const answered = request.method === 'OPTIONS' ? preflight : answer(request)
    return { ...answered, headers: { ...answered.headers, ...headersFor(origin) } }
  }
}

function headersFor(origin: string | undefined): Readonly<Record<string, string>> {
  if (origin === undefined) return { vary: 'origin' }
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-line-request-id',
  }
}

const foreignOrigin = refusal(
  403,
  'The control endpoints answer only pages of this machine: open the page as localhost',
)

const preflight: LineResponse = {
  ...empty(204),
  headers: {
    'access-control-allow-methods': 'GET, POST, PUT, DELETE',
    'access-control-allow-headers': 'content-type',
    'access-control-max-age': '600',
  },
}
