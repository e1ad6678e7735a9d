import type { GraphQLError } from 'graphql'
import type { MediaType } from '../http/content-negotiation.ts'
import type { Params } from '../http/read-request.ts'
import type { HeaderList } from '../http/send.ts'
import type { Bearer, Context, Services } from '../schema/context.ts'
import { publish, say } from './errors.ts'
import type { PreparedOperation } from './operations.ts'

/** What a request asks, how it wants the answer, and who sent it. */
export type Asked = {
  readonly method: 'GET' | 'POST'
  readonly params: Params
  readonly mediaType: MediaType
  readonly bearer: Bearer
  readonly source: string
}

/** One operation on its way through. */
export type Exchange = {
  readonly asked: Asked
  readonly context: Context
  /** Set once the operation may be run. */
  operation: PreparedOperation | undefined
  /** All errors of the answer, as the outside hears of them. */
  errors: readonly GraphQLError[]
}

/** What goes back over HTTP. */
export type HttpAnswer = {
  readonly status: number
  readonly headers: HeaderList
  readonly body: string
}

/** Whatever answers GraphQL operations. */
export type Engine = { answer(exchange: Exchange): HttpAnswer | Promise<HttpAnswer> }

export function createExchange(asked: Asked, services: Services, unexpected: (error: unknown) => void): Exchange {
  const { bearer, source } = asked
  const context: Context = { services, bearer, source, tokensAsked: 0, report }
  const exchange: Exchange = { asked, context, operation: undefined, errors: [] }
  return exchange

  function report(error: unknown, path: readonly (string | number)[]): void {
    const { message, extensions } = publish(error, unexpected)
    exchange.errors = [...exchange.errors, say(message, extensions, { path })]
  }
}
