import type { GraphQLError } from 'graphql'
import type { Bearer, Context, Services } from '../schema/context.ts'
import type { Params } from './edge.ts'
import { publish, say } from './errors.ts'
import type { MediaType } from './media-type.ts'
import type { PreparedOperation } from './operations.ts'

/** One operation on its way through: what it asks, who asks it, and what became of it. */
export type Exchange = {
  readonly method: 'GET' | 'POST'
  readonly params: Params
  readonly mediaType: MediaType
  readonly context: Context
  /** Set once the operation may be run. */
  operation: PreparedOperation | undefined
  /** All errors of the answer, as the outside hears of them. */
  errors: readonly GraphQLError[]
}

/** What goes back over HTTP. */
export type HttpAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Whatever answers GraphQL operations. */
export type Engine = { answer(exchange: Exchange): HttpAnswer | Promise<HttpAnswer> }

export type Caller = { readonly bearer: Bearer; readonly source: string }

export function createExchange(
  request: Pick<Exchange, 'method' | 'params' | 'mediaType'>,
  { bearer, source }: Caller,
  services: Services,
  unexpected: (error: unknown) => void,
): Exchange {
  const context: Context = { services, bearer, source, tokensAsked: 0, report }
  const exchange: Exchange = { ...request, context, operation: undefined, errors: [] }
  return exchange

  function report(error: unknown, path: readonly (string | number)[]): void {
    const { message, extensions } = publish(error, unexpected)
    exchange.errors = [...exchange.errors, say(message, extensions, { path })]
  }
}
