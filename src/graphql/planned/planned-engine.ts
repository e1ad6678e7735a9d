import type { GraphQLError } from 'graphql'
import { contentTypes } from '../../http/content-negotiation.ts'
import type { Engine, Exchange, HttpAnswer } from '../engine.ts'
import { type Http, publish } from '../errors.ts'
import type { Admission, Admitted } from '../prepare-operation.ts'
import type { Result } from './plan.ts'

/**
 * Operations answered from their plans, without a promise where nothing has to be waited for. What has no plan goes to
 * the general engine, which answers everything and to which this one is held, answer by answer, in a test.
 */
export function createPlannedEngine(
  admission: Admission,
  general: Engine,
  unexpected: (error: unknown) => void,
): Engine {
  return { answer }

  function answer(exchange: Exchange): HttpAnswer | Promise<HttpAnswer> {
    if (exchange.asked.method === 'GET') return general.answer(exchange)
    let admitted: Admitted
    try {
      admitted = admission.admit(exchange.asked.params, exchange.asked.method)
    } catch (error) {
      return refused(exchange, error)
    }
    const { prepared, variables } = admitted
    if (prepared.plan === undefined) return general.answer(exchange)
    exchange.operation = prepared
    const result = prepared.plan.run(exchange.context, variables)
    return result instanceof Promise
      ? result.then((settled) => answered(exchange, settled))
      : answered(exchange, result)
  }

  function answered(exchange: Exchange, { data, errors = none }: Result): HttpAnswer {
    if (errors.length === 0 && exchange.errors.length === 0) {
      return { status: 200, headers: contentTypes[exchange.asked.mediaType], body: `{"data":${data}}` }
    }
    return withErrors(exchange, [...published(errors), ...exchange.errors], `,"data":${data}`)
  }

  function refused(exchange: Exchange, error: unknown): HttpAnswer {
    return withErrors(exchange, published(error instanceof AggregateError ? error.errors : [error]), '')
  }

  function published(errors: readonly unknown[]): GraphQLError[] {
    return errors.map((error) => publish(error, unexpected))
  }
}

const none: readonly GraphQLError[] = []

/** GraphQL over HTTP (draft of 2025, section 6.4): the older media type keeps 200 for whatever the specification calls well-formed. */
function withErrors(exchange: Exchange, errors: readonly GraphQLError[], data: string): HttpAnswer {
  const { mediaType } = exchange.asked
  exchange.errors = errors
  let status = 200
  const headers: Record<string, string> = {}
  for (const { extensions } of errors) {
    const http = extensions.http as Http | undefined
    Object.assign(headers, http?.headers)
    const isWellFormed = http?.spec === true && mediaType === 'application/json'
    if (http?.status !== undefined && !isWellFormed) status = Math.max(status, http.status)
  }
  return {
    status,
    headers: [...contentTypes[mediaType], ...Object.entries(headers).flat()],
    body: `{"errors":${JSON.stringify(errors.map(withoutHttp))}${data}}`,
  }
}

function withoutHttp(error: GraphQLError): object {
  const { extensions: { http, ...extensions } = {}, ...told } = error.toJSON()
  return { ...told, extensions }
}
