import type { ExecutionResult } from 'graphql'
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga'
import type { Context } from '../schema/context.ts'
import { schema } from '../schema/schema.ts'
import type { Engine, Exchange, HttpAnswer } from './engine.ts'
import { publish } from './errors.ts'
import type { Admission } from './prepare-operation.ts'

type YogaContext = Context & { readonly exchange: Exchange }

/** Operations answered by yoga. It parses and validates through our admission; the executing and the HTTP are its own. */
export function createYogaEngine(admission: Admission, unexpected: (error: unknown) => void): Engine {
  const yoga = createYoga<YogaContext>({
    schema,
    plugins: [useReadParams(), useAdmission(admission), usePublishedErrors(unexpected)],
    maskedErrors: { maskError: (error) => publish(error, unexpected) },
    logging: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    maxRequestBodySize: false,
  })

  return { answer }

  async function answer(exchange: Exchange): Promise<HttpAnswer> {
    const response = await yoga.handleRequest(toRequest(exchange), { ...exchange.context, exchange })
    // What all our answers have is added when they are sent.
    response.headers.delete('content-length')
    return { status: response.status, headers: [...response.headers].flat(), body: await response.text() }
  }

  function toRequest({ asked: { method, mediaType } }: Exchange): Request {
    const headers = { accept: mediaType, 'content-type': 'application/json' }
    return new yoga.fetchAPI.Request('http://gateway/graphql', { method, headers })
  }
}

/** The edge has read the parameters: writing them down for yoga to read again would cost, and what is nested deep enough cannot be. */
function useReadParams(): Plugin<YogaContext, YogaContext> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { query, variables, operationName, extensions } = serverContext.exchange.asked.params
      setRequestParser(() => ({ query, variables, operationName, extensions }) as GraphQLParams)
    },
  }
}

/** Parsing, limits, validation and variables in one step, done once a document. */
function useAdmission(admission: Admission): Plugin<YogaContext, YogaContext> {
  return {
    onParse({ context: { exchange }, setParsedDocument }) {
      const { prepared } = admission.admit(exchange.asked.params, exchange.asked.method)
      exchange.operation = prepared
      setParsedDocument(prepared.document)
    },
    onValidate({ setResult }) {
      setResult([])
    },
  }
}

/** Every error leaves in the form the contract gives it, those reported beside an answer among them. */
function usePublishedErrors(unexpected: (error: unknown) => void): Plugin<YogaContext, YogaContext> {
  return {
    onExecutionResult({ result, setResult, context: { exchange } }) {
      const { errors = [], ...rest } = result as ExecutionResult
      exchange.errors = [...errors.map((error) => publish(error, unexpected)), ...exchange.errors]
      setResult(exchange.errors.length === 0 ? rest : { errors: exchange.errors, ...rest })
    },
  }
}
