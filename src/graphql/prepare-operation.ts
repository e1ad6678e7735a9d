import { type GraphQLSchema, getVariableValues, isInputType, type OperationDefinitionNode, typeFromAST } from 'graphql'
import { hideLongNames, publicError } from './errors.ts'
import { findInputFault } from './input-faults.ts'
import { createOperations, type PreparedOperation } from './operations.ts'
import type { Params } from './params.ts'
import type { VariableValues } from './planned/plan-parts.ts'

/** An operation that may run, with the values of its variables. */
export type ReadyOperation = { readonly prepared: PreparedOperation; readonly variables: VariableValues }

/** Throws an `AggregateError` of public errors when the operation must not run. */
export type PrepareOperation = (params: Params, method: 'GET' | 'POST') => ReadyOperation

type Variables = Readonly<Record<string, unknown>>

/** Fields that take a credential as an argument. GET is refused for them, because URLs end up in logs. */
const credentialFields = new Set(['verifyAccessToken', 'verifyAccessTokens', 'verifyIdToken'])
const noVariables = Object.freeze({ sources: Object.freeze({}), coerced: Object.freeze({}) }) as VariableValues

/** All steps before execution, the same for both engines: limits, parsing, validation, variables. */
export function createPrepareOperation(
  schema: GraphQLSchema,
  options: { readonly introspection: boolean },
): PrepareOperation {
  const operations = createOperations(schema, options)

  return prepareOperation

  function prepareOperation(params: Params, method: 'GET' | 'POST'): ReadyOperation {
    const prepared = operations.prepare(params.query, params.operationName)
    if (method === 'GET') assertAllowedByGet(prepared)
    return { prepared, variables: coerceVariables(prepared.operation, params.variables ?? {}) }
  }

  function coerceVariables(operation: OperationDefinitionNode, given: Variables): VariableValues {
    const definitions = operation.variableDefinitions ?? []
    if (definitions.length === 0) return noVariables
    const { variableValues } = getVariableValues(schema, definitions, given, { maxErrors: 1, hideSuggestions: true })
    if (variableValues === undefined) throw badVariable(operation, given)
    return variableValues
  }

  /** An error that names the variable. The message of graphql-js would quote its value. */
  function badVariable(operation: OperationDefinitionNode, given: Variables): AggregateError {
    for (const { variable, type: node, defaultValue } of operation.variableDefinitions ?? []) {
      const name = variable.name.value
      const type = typeFromAST(schema, node)
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      if (!isInputType(type) || (value === undefined && defaultValue !== undefined)) continue
      const shownName = hideLongNames(name)
      const fault = findInputFault(value, type, { path: shownName, argument: shownName })
      if (fault !== undefined) return badInput(`$${fault.path} ${fault.problem}`, fault.argument)
    }
    return badInput('A variable is not valid', 'variables')
  }
}

function assertAllowedByGet({ kind, fields }: PreparedOperation): void {
  if (kind === 'mutation') throw postOnly('Send mutations by POST')
  if (fields.some((field) => credentialFields.has(field))) throw postOnly('Send credentials by POST, never in a URL')
}

function postOnly(message: string): AggregateError {
  const http = { status: 405, headers: { allow: 'POST' } }
  return new AggregateError([publicError(message, { code: 'BAD_REQUEST', http })])
}

function badInput(message: string, argument: string): AggregateError {
  const http = { status: 400, spec: true }
  return new AggregateError([publicError(message, { code: 'BAD_USER_INPUT', argument, http })])
}
