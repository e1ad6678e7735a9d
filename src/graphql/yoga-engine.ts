import type { ExecutionResult, GraphQLError } from 'graphql'
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga'
import type { Reply } from '../http/send.ts'
import type { Context } from '../schema/context.ts'
import { schema } from '../schema/schema.ts'
import type { Engine, RunningOperation } from './engine.ts'
import { toPublicError } from './errors.ts'
import type { PrepareOperation } from './prepare-operation.ts'

type YogaContext = Context & { readonly running: RunningOperation }

/**
 * The general engine: yoga. It can execute every operation, and it writes the HTTP answer. Limits, parsing and
 * validation are ours, so that both engines accept exactly the same operations.
 */
export function createYogaEngine(prepareOperation: PrepareOperation, unexpected: (error: unknown) => void): Engine {
  const yoga = createYoga<YogaContext>({
    schema,
    plugins: [useReadParams(), usePreparedOperation(prepareOperation), usePublicErrors(unexpected)],
    maskedErrors: { maskError: (error) => toPublicError(error, unexpected) },
    logging: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    cors: false,
    parserAndValidationCache: false,
    maxRequestBodySize: false,
  })

  return { execute }

  async function execute(running: RunningOperation): Promise<Reply> {
    const response = await yoga.handleRequest(toRequest(running), { ...running.context, running })
    // `send` writes this header for every answer.
    response.headers.delete('content-length')
    return { status: response.status, headers: [...response.headers].flat(), body: await response.text() }
  }

  function toRequest({ request: { method, mediaType } }: RunningOperation): Request {
    const headers = { accept: mediaType, 'content-type': 'application/json' }
    return new yoga.fetchAPI.Request('http://gateway/graphql', { method, headers })
  }
}

/** Gives yoga the parameters that are already parsed. Writing them as JSON again costs time and fails for deep nesting. */
function useReadParams(): Plugin<YogaContext, YogaContext> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { query, variables, operationName, extensions } = serverContext.running.request.params
      setRequestParser(() => ({ query, variables, operationName, extensions }) as GraphQLParams)
    },
  }
}

/** Replaces yoga's parsing and validation by ours, which runs once per document. */
function usePreparedOperation(prepareOperation: PrepareOperation): Plugin<YogaContext, YogaContext> {
  return {
    onParse({ context: { running }, setParsedDocument }) {
      const { prepared } = prepareOperation(running.request.params, running.request.method)
      running.prepared = prepared
      setParsedDocument(prepared.document)
    },
    onValidate({ setResult }) {
      setResult([])
    },
  }
}

/** Gives every error its public form, and adds the errors reported beside a successful field. */
function usePublicErrors(unexpected: (error: unknown) => void): Plugin<YogaContext, YogaContext> {
  return {
    onExecutionResult({ result, setResult, context: { running } }) {
      const { errors = [], ...rest } = result as ExecutionResult
      const beside = running.errors as readonly GraphQLError[]
      const all = [...errors.map((error) => toPublicError(error, unexpected)), ...beside]
      running.errors = all
      setResult(all.length === 0 ? rest : { errors: all, ...rest })
    },
  }
}
