import type { ExecutionResult } from 'graphql'
import { createYoga, type GraphQLParams, type Plugin } from 'graphql-yoga'
import type { Reply } from '../http/send.ts'
import type { Context } from '../schema/context.ts'
import { schema } from '../schema/schema.ts'
import type { Engine, RunningOperation, Unexpected } from './engine.ts'
import { toPublicError } from './errors.ts'
import { withoutSkipped } from './operations.ts'
import type { PrepareOperation } from './prepare-operation.ts'
import { replyOf } from './reply.ts'

/** yoga copies the context, so the reply is one level below it. */
type YogaContext = Context & { readonly running: RunningOperation; readonly answer: { reply?: Reply } }

/**
 * The general engine: yoga. It can execute every operation. Limits, parsing, validation and the form of the answer are
 * ours, so that both engines accept the same operations and answer in the same way.
 */
export function createYogaEngine(prepareOperation: PrepareOperation, unexpected: Unexpected): Engine {
  const yoga = createYoga<YogaContext>({
    schema,
    plugins: [useReadParams(), usePreparedOperation(prepareOperation), useOurReply()],
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
    const answer: { reply?: Reply } = {}
    await yoga.handleRequest(toRequest(running), { ...running.context, running, answer })
    if (answer.reply === undefined) throw new Error('yoga gave no result')
    return answer.reply
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
      const { query, variables, operationName } = serverContext.running.request.params
      setRequestParser(() => ({ query, variables, operationName }) as GraphQLParams)
    },
  }
}

/** Replaces yoga's parsing and validation by ours, which runs once per document. */
function usePreparedOperation(prepareOperation: PrepareOperation): Plugin<YogaContext, YogaContext> {
  return {
    onParse({ context: { running }, setParsedDocument }) {
      running.prepared ??= prepareOperation(running.request.params, running.request.method).prepared
      setParsedDocument(running.prepared.document)
    },
    onValidate({ setResult }) {
      setResult([])
    },
  }
}

/** Gives every error its public form, adds the errors reported beside a successful field, and writes the answer. */
function useOurReply(): Plugin<YogaContext, YogaContext> {
  return {
    onResultProcess({ result, serverContext, setResultProcessor }) {
      const { running, answer } = serverContext
      const { errors = [], data } = result as ExecutionResult
      if (running.prepared && data) running.prepared = withoutSkipped(running.prepared, data)
      answer.reply = replyOf(
        running,
        [...errors, ...running.errors],
        data === undefined ? undefined : JSON.stringify(data),
      )
      setResultProcessor((_, { Response }) => new Response(), running.request.mediaType)
    },
  }
}
