import { SpanKind } from '@opentelemetry/api'

export type SpanRow = {
  readonly kind: SpanKind
  /** What the name consists of. `{…}` is the value of an attribute. */
  readonly name: string
  readonly about: string
  /** Each attribute that such a span can have, and what it is. */
  readonly attributes: Readonly<Record<string, string>>
}

const subject = 'What is asked about the token: `verification`, `profile`, `userinfo` or `friendship`'
const verdict = '`valid`, `invalid`, or `unknown`: there was no answer'
const endpoint = 'Our name for the endpoint of LINE, as in the metrics'
const code = '`OK`, or the code of the first error'
const address = 'The host that we connect to, from our settings'

/**
 * Every span, and every attribute that it can have: nothing else is recorded. No value is a text that a caller or LINE has
 * chosen, but for LINE's request ID, whose form is checked. The names follow OpenTelemetry's semantic conventions 1.44;
 * ours begin with `gateway.`.
 */
export const spanTable = {
  request: {
    kind: SpanKind.SERVER,
    name: '{http.request.method} {http.route}',
    about:
      'A request to `/graphql`, `/auth`, `/oauth/…` or `/.well-known/…`, from its head to our answer. Its parent is the `traceparent` of the request',
    attributes: {
      'http.request.method': 'The method, as in the metrics',
      'http.route': 'The route, as in the metrics',
      'url.path': 'The path without its query, and without what a client adds after `/auth`',
      'url.scheme': '`http`: TLS ends before the gateway',
      'http.response.status_code': 'The status of the answer. Absent: the client left before it',
      'error.type': 'The status again, for 5xx',
      'gateway.code': code,
    },
  },
  operation: {
    kind: SpanKind.SERVER,
    name: '{graphql.operation.type}',
    about: 'A GraphQL operation. `GraphQL Operation` is the name of one that was refused before it was known',
    attributes: {
      'graphql.operation.type': '`query` or `mutation`',
      'gateway.operation.fields': 'The selected root fields, by their names in the schema',
      'gateway.code': code,
      'error.type': 'The code again, if LINE, our room for it, our settings or our program failed',
    },
  },
  lookUp: {
    kind: SpanKind.INTERNAL,
    name: 'look-up',
    about: 'A question about an access token that the memory could not answer at once. A hit has no span',
    attributes: {
      'gateway.lookup.subject': subject,
      'gateway.lookup.joined': 'Whether another request was asking already. Then a link leads to the look-up that asks',
      'gateway.lookup.tier':
        'Who answered: `redis`, `line`, another `flight`, a tombstone in `memory`, or `gate`, which limits unknown tokens',
      'gateway.lookup.verdict': verdict,
    },
  },
  recheck: {
    kind: SpanKind.INTERNAL,
    name: 're-check',
    about:
      'A record that is getting old is checked in the background. The request does not wait for it, so it is a trace of its own, with a link to the request',
    attributes: { 'gateway.lookup.subject': subject },
  },
  lineTier: {
    kind: SpanKind.INTERNAL,
    name: 'LINE tier',
    about: 'A question that no cache could answer: one or two calls to LINE',
    attributes: {
      'gateway.lookup.subject': subject,
      'gateway.lookup.alongside': 'What is fetched at the same time: `profile`, `userinfo` or `friendship`',
      'gateway.lookup.verdict': verdict,
    },
  },
  lineQueue: {
    kind: SpanKind.INTERNAL,
    name: 'wait for LINE',
    about: 'A call waits in our own queue, because LINE_MAX_CONCURRENCY calls are under way',
    attributes: {
      'gateway.line.endpoint': endpoint,
      'gateway.line.lane': 'How urgent the call is: `caller`, `recheck` or `background`',
      'error.type': '`not_sent`: the queue was full, or the wait too long',
    },
  },
  lineCall: {
    kind: SpanKind.CLIENT,
    name: '{http.request.method} {url.template}',
    about: 'One HTTP request to LINE',
    attributes: {
      'http.request.method': '`GET` or `POST`',
      'url.template': 'The path without its query',
      'url.full': 'The URL without its query, because the query of verify holds the token',
      'server.address': address,
      'server.port': 'Its port',
      'http.response.status_code': 'The status of the answer. Absent: there was no answer',
      'http.request.resend_count': '1 for the second attempt of a GET whose connection broke',
      'error.type': 'The status for 4xx and 5xx, else the outcome',
      'gateway.line.endpoint': endpoint,
      'gateway.line.outcome': 'How the call ended, as in the metrics: `answered`, `refused`, `limited` and so on',
      'gateway.line.request_id': '`x-line-request-id` of the answer: the support of LINE can find the call by it',
    },
  },
  redis: {
    kind: SpanKind.CLIENT,
    name: '{db.operation.name} {db.stored_procedure.name}',
    about:
      'A command to Redis or Valkey. One command can look up the tokens of several requests: its span is below the first of them',
    attributes: {
      'db.system.name': '`redis`',
      'db.operation.name': 'The command, without keys and values: `MGET`, `EVALSHA`, `PIPELINE`',
      'db.stored_procedure.name': 'Our name for the script',
      'db.operation.batch.size': 'How many commands a pipeline has, if more than one',
      'server.address': address,
      'server.port': 'Its port',
      'error.type': '`away`: no answer in time, or no connection. `refused`: Redis answered with an error',
    },
  },
} as const satisfies Readonly<Record<string, SpanRow>>

export type SpanName = keyof typeof spanTable

/** The attributes of a kind of span. A name that is not in the table does not compile. */
export type AttributesOf<Name extends SpanName> = {
  readonly [Key in keyof (typeof spanTable)[Name]['attributes']]?:
    | string
    | number
    | boolean
    | readonly string[]
    | undefined
}
