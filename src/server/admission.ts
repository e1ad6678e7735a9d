import {
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  isInputType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql'
import type { Params } from './edge.ts'
import { say } from './errors.ts'
import { findInputFault } from './input-faults.ts'
import { createOperations, type Gist, gistOf } from './operations.ts'

/** An operation that may be executed. */
export type Admitted = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly gist: Gist
}

export type Admission = {
  /** Throws an `AggregateError` of published GraphQL errors when the operation may not be executed. */
  admit(params: Params, method: 'GET' | 'POST'): Admitted
}

/** Fields that take a credential as an argument: a URL is written down in too many places for those. */
const credentialFields = new Set(['verifyAccessToken', 'verifyAccessTokens', 'verifyIdToken'])

/** All that stands between a request and its execution, whichever engine executes it. */
export function createAdmission(schema: GraphQLSchema, options: { readonly introspection: boolean }): Admission {
  const operations = createOperations(schema, options)

  return { admit }

  function admit(params: Params, method: 'GET' | 'POST'): Admitted {
    const { document, errors } = operations.prepare(params.query)
    if (errors !== undefined) throw new AggregateError(errors)
    const operation = getOperationAST(document, params.operationName)
    const gist = gistOf(document, operation)
    if (operation == null || gist === undefined) throw refused('operationName names no operation of the document', 400)
    if (method === 'GET') assertGettable(gist)
    assertVariables(operation, params.variables ?? {})
    return { document, operation, gist }
  }

  /** graphql-js would quote what it does not like. */
  function assertVariables(operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): void {
    for (const { variable, type: node, defaultValue } of operation.variableDefinitions ?? []) {
      const name = variable.name.value
      const type = typeFromAST(schema, node)
      const given = Object.hasOwn(variables, name) ? variables[name] : undefined
      if (!isInputType(type) || (given === undefined && defaultValue !== undefined)) continue
      const fault = findInputFault(given, type, { path: name, argument: name })
      if (fault !== undefined) throw badVariable(`$${fault.path} ${fault.problem}`, fault.argument)
    }
  }
}

function assertGettable({ kind, fields }: Gist): void {
  if (kind === 'mutation') throw refused('Mutations are sent by POST', 405)
  if (fields.some((field) => credentialFields.has(field)))
    throw refused('Credentials are sent by POST, never in a URL', 405)
}

function refused(message: string, status: 400 | 405): AggregateError {
  const http = status === 405 ? { status, headers: { allow: 'POST' } } : { status }
  return new AggregateError([say(message, { code: 'BAD_REQUEST', http })])
}

function badVariable(message: string, argument: string): AggregateError {
  return new AggregateError([say(message, { code: 'BAD_USER_INPUT', argument, http: { status: 400, spec: true } })])
}
