import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  specifiedRules,
  ValuesOfCorrectTypeRule,
  validate,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { mayHoldCredential } from './credential-texts.ts'
import { dropText } from './document-places.ts'
import { hideLongNames, publicError } from './errors.ts'
import { limitOfDocument, limitOfText } from './limits.ts'
import { NamedValuesRule } from './named-values-rule.ts'
import { type Plan, planOf } from './planned/plan.ts'

/** An operation of a valid document, ready to run. */
export type PreparedOperation = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly kind: 'query' | 'mutation'
  /** The names of the selected root fields in the schema, never the caller's aliases. */
  readonly fields: readonly string[]
  /** The root field of each response key: of an alias, or of its own name. */
  readonly fieldOf: ReadonlyMap<string, string>
  /** `undefined` where only the general engine can run the operation. */
  readonly plan: Plan | undefined
}

export type Operations = {
  /** Throws an `AggregateError` of public errors. */
  prepare(text: string, operationName: string | undefined): PreparedOperation
}

/** A valid document, with those of its operations that were requested. Keys are the requested `operationName`s. */
type PreparedDocument = {
  readonly document: DocumentNode
  readonly operations: Map<string | undefined, PreparedOperation>
}

/** Together these bound the memory: the syntax tree of a document is about a hundred times as large as its text. */
const mostDocuments = 1_000
const mostCharacters = 500_000
const mostErrors = 5

/**
 * Checks the limits of an operation, parses, validates and plans it once, and keeps the result for later requests. Only
 * valid documents are kept, because invalid ones would evict them, and none that may contain a credential.
 */
export function createOperations(schema: GraphQLSchema, options: { readonly introspection: boolean }): Operations {
  const rules = [
    ...specifiedRules.filter((rule) => rule !== ValuesOfCorrectTypeRule),
    NamedValuesRule,
    ...(options.introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ]
  const kept = new LRUCache<string, PreparedDocument>({
    max: mostDocuments,
    maxSize: mostCharacters,
    sizeCalculation: (_, text) => Math.max(text.length, 1),
  })

  return { prepare }

  function prepare(text: string, operationName: string | undefined): PreparedOperation {
    const { document, operations } = kept.get(text) ?? prepareDocument(text)
    const known = operations.get(operationName)
    if (known !== undefined) return known
    const operation = prepareOperation(document, operationName)
    operations.set(operationName, operation)
    return operation
  }

  function prepareDocument(text: string): PreparedDocument {
    const document = parseLimited(text)
    const errors = validate(schema, document, rules, { maxErrors: mostErrors, hideSuggestions: true })
    if (errors.length > 0) throw new AggregateError(errors.slice(0, mostErrors).map(invalid))
    const prepared = { document, operations: new Map() }
    if (!mayHoldCredential(text)) kept.set(text, prepared)
    return prepared
  }

  function prepareOperation(document: DocumentNode, operationName: string | undefined): PreparedOperation {
    const operation = getOperationAST(document, operationName)
    if (operation == null || operation.operation === 'subscription') throw new AggregateError([noSuchOperation()])
    const fieldOf = rootFields(schema, document, operation)
    const plan = planOf(schema, document, operation)
    return { document, operation, kind: operation.operation, fields: namesIn(fieldOf), fieldOf, plan }
  }
}

/** The operation with only the root fields of its answer: those that a directive left out have not been executed. */
export function withoutSkipped(prepared: PreparedOperation, data: object): PreparedOperation {
  const fieldOf = new Map([...prepared.fieldOf].filter(([responseKey]) => Object.hasOwn(data, responseKey)))
  return fieldOf.size === prepared.fieldOf.size ? prepared : { ...prepared, fields: namesIn(fieldOf), fieldOf }
}

function namesIn(fieldOf: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set(fieldOf.values())].sort()
}

/** Checks the limits first, so that an attacker cannot make us spend time on parsing or validation. */
function parseLimited(text: string): DocumentNode {
  const tooLong = limitOfText(text)
  if (tooLong !== undefined) throw new AggregateError([tooComplex(tooLong)])
  let document: DocumentNode
  try {
    document = dropText(parse(text))
  } catch (error) {
    throw new AggregateError([syntaxError(error as GraphQLError)])
  }
  const tooMuch = limitOfDocument(document)
  if (tooMuch !== undefined) throw new AggregateError([tooComplex(tooMuch)])
  return document
}

/** By response key. The names are the strings of the schema, because a part of a text keeps the whole text in memory. */
function rootFields(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Map<string, string> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const ofType = Object.keys(schema.getRootType(operation.operation)?.getFields() ?? {})
  const known = new Map([...ofType, '__schema', '__type', '__typename'].map((name) => [name, name]))
  const selected = new Map<string, string>()
  collect(operation.selectionSet)
  return selected

  function collect(selectionSet: SelectionSetNode | undefined): void {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === Kind.FIELD) add(selection)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
      else collect(fragments.get(selection.name.value)?.selectionSet)
    }
  }

  function add({ alias, name }: FieldNode): void {
    const field = known.get(name.value)
    if (field !== undefined) selected.set(alias?.value ?? field, field)
  }
}

function tooComplex(message: string): GraphQLError {
  return publicError(message, { code: 'OPERATION_TOO_COMPLEX', http: { status: 400 } })
}

/** Only the position: graphql-js quotes the text it found, and that may be a token pasted in the wrong place. */
function syntaxError({ locations }: GraphQLError): GraphQLError {
  const [place] = locations ?? []
  const where = place === undefined ? '' : ` at line ${place.line}, column ${place.column}`
  return publicError(`Syntax error${where}`, { code: 'GRAPHQL_PARSE_FAILED', http: { status: 400, spec: true } })
}

function invalid(error: GraphQLError): GraphQLError {
  const http = { status: 400, spec: true }
  return publicError(hideLongNames(error.message), { code: 'GRAPHQL_VALIDATION_FAILED', http }, error)
}

function noSuchOperation(): GraphQLError {
  return publicError('operationName must name one operation of the document', {
    code: 'BAD_REQUEST',
    http: { status: 400 },
  })
}
