import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
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
import { say } from './errors.ts'
import { limitOfDocument, limitOfText } from './limits.ts'
import { NamedValuesRule } from './named-values-rule.ts'

/** A document that may be run, or what is wrong with it. */
export type Prepared =
  | { readonly document: DocumentNode; readonly errors?: undefined }
  | { readonly document?: undefined; readonly errors: readonly GraphQLError[] }

export type Operations = {
  prepare(text: string): Prepared
}

/** Together these bound the memory: a document's tree is some hundred times its text. */
const mostDocuments = 1_000
const mostCharacters = 500_000
const mostErrors = 5

/** Documents limited, parsed and validated once and run often. Only good ones are kept: bad ones would push them out. */
export function createOperations(schema: GraphQLSchema, options: { readonly introspection: boolean }): Operations {
  const rules = [
    ...specifiedRules.filter((rule) => rule !== ValuesOfCorrectTypeRule),
    NamedValuesRule,
    ...(options.introspection ? [] : [NoSchemaIntrospectionCustomRule]),
  ]
  const kept = new LRUCache<string, Prepared>({
    max: mostDocuments,
    maxSize: mostCharacters,
    sizeCalculation: (_, text) => Math.max(text.length, 1),
  })

  return { prepare }

  function prepare(text: string): Prepared {
    const known = kept.get(text)
    if (known !== undefined) return known
    const prepared = prepareAnew(text)
    if (prepared.document !== undefined) kept.set(text, prepared)
    return prepared
  }

  function prepareAnew(text: string): Prepared {
    const tooLong = limitOfText(text)
    if (tooLong !== undefined) return { errors: [tooComplex(tooLong)] }
    let document: DocumentNode
    try {
      document = parse(text)
    } catch (error) {
      return { errors: [syntaxError(error as GraphQLError)] }
    }
    const tooMuch = limitOfDocument(document)
    if (tooMuch !== undefined) return { errors: [tooComplex(tooMuch)] }
    const errors = validate(schema, document, rules, { maxErrors: mostErrors, hideSuggestions: true })
    return errors.length === 0 ? { document } : { errors: errors.slice(0, mostErrors).map(invalid) }
  }
}

/** What an operation is about: what it does, and the root fields it selects, in the schema's own words. */
export type Gist = { readonly kind: 'query' | 'mutation'; readonly fields: readonly string[] }

export function gistOf(
  document: DocumentNode,
  operation: OperationDefinitionNode | null | undefined,
): Gist | undefined {
  if (operation == null || operation.operation === 'subscription') return undefined
  return { kind: operation.operation, fields: [...rootFields(document, operation)].sort() }
}

function rootFields(document: DocumentNode, operation: OperationDefinitionNode): Set<string> {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const names = new Set<string>()
  collect(operation.selectionSet)
  return names

  function collect(selectionSet: SelectionSetNode | undefined): void {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === Kind.FIELD) names.add(selection.name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet)
      else collect(fragments.get(selection.name.value)?.selectionSet)
    }
  }
}

function tooComplex(message: string): GraphQLError {
  return say(message, { code: 'OPERATION_TOO_COMPLEX', http: { status: 400 } })
}

/** graphql-js quotes what it found, which may be a token pasted in the wrong place: the position says enough. */
function syntaxError({ locations }: GraphQLError): GraphQLError {
  const [place] = locations ?? []
  const where = place === undefined ? '' : ` at line ${place.line}, column ${place.column}`
  return say(`Syntax error${where}`, { code: 'GRAPHQL_PARSE_FAILED', http: { status: 400, spec: true } })
}

function invalid(error: GraphQLError): GraphQLError {
  return say(error.message, { code: 'GRAPHQL_VALIDATION_FAILED', http: { status: 400, spec: true } }, error)
}
