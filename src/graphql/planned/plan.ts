import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Context } from '../../schema/context.ts'
import {
  completed,
  type Execution,
  type FieldPart,
  handleError,
  inParallel,
  inSeries,
  leaf,
  list,
  nonNull,
  nullable,
  type Part,
  type Path,
  type VariableValues,
} from './plan-parts.ts'
import { hasVariables, isPlannable } from './plannable.ts'

/** `data` is JSON text. */
export type Result = { readonly errors?: readonly unknown[]; readonly data: string }

/** An operation prepared to run many times: which resolvers run, and in which order, is decided once. */
export type Plan = { run(context: Context, variables: VariableValues): Result | Promise<Result> }

/**
 * Plans an operation: does the part of GraphQL execution that is the same for every request (specification of October
 * 2021, section 6). `undefined` for an operation that cannot be planned: the general engine executes it.
 */
export function planOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Plan | undefined {
  if (!isPlannable(document, operation)) return undefined
  const isMutation = operation.operation === 'mutation'
  const root = isMutation ? schema.getMutationType() : schema.getQueryType()
  if (root == null) return undefined
  const fragments = fragmentsOf(document)
  const fields = planFields(root, [operation.selectionSet])
  const answer = isMutation ? inSeries(fields) : inParallel(fields)

  return { run }

  function run(context: Context, variables: VariableValues): Result | Promise<Result> {
    const execution: Execution = { context, variables, errors: [] }
    try {
      const data = answer(undefined, execution, undefined)
      if (typeof data === 'string') return resultOf(execution, data)
      return data.then(
        (settled) => resultOf(execution, settled),
        (error) => failed(execution, error),
      )
    } catch (error) {
      return failed(execution, error)
    }
  }

  /** Selections with the same response key are one field (section 6.3.2). */
  function planFields(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): FieldPart[] {
    const nodesByKey = new Map<string, FieldNode[]>()
    for (const selectionSet of selectionSets) collect(type, selectionSet, nodesByKey)
    return [...nodesByKey].map(([key, nodes]) => ({ key, run: planField(type, key, nodes) }))
  }

  function collect(type: GraphQLObjectType, selectionSet: SelectionSetNode, into: Map<string, FieldNode[]>): void {
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.FIELD) {
        const key = selection.alias?.value ?? selection.name.value
        into.set(key, [...(into.get(key) ?? []), selection])
      } else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value]
        const condition = fragment?.typeCondition?.name.value ?? type.name
        if (fragment !== undefined && condition === type.name) collect(type, fragment.selectionSet, into)
      }
    }
  }

  /** Resolves and completes a field. Where its type is nullable, an error ends here (section 6.4). */
  function planField(parentType: GraphQLObjectType, key: string, nodes: readonly FieldNode[]): Part {
    const [node] = nodes
    const field = node && parentType.getFields()[node.name.value]
    if (node === undefined || field === undefined) return () => `"${parentType.name}"` // __typename
    const resolve = resolverOf(field)
    const complete = planValue(field.type, nodes, `${parentType.name}.${field.name}`)
    const argumentsOf = planArguments(field, node)
    const place = { type: field.type, nodes }
    const needsInfo = resolve.length > 3
    const infoOf = ({ variables }: Execution, path: Path) =>
      ({
        fieldName: field.name,
        fieldNodes: nodes,
        returnType: field.type,
        parentType,
        path,
        schema,
        fragments,
        rootValue: undefined,
        operation,
        variableValues: variables,
      }) as unknown as GraphQLResolveInfo

    return (source, execution, parentPath) => {
      const path: Path = { prev: parentPath, key, typename: parentType.name }
      try {
        const info = needsInfo ? infoOf(execution, path) : noInfo
        const value = resolve(source, argumentsOf(execution), execution.context, info)
        return completed(value, complete, place, path, execution)
      } catch (error) {
        return handleError(error, place, path, execution)
      }
    }
  }

  function planValue(type: GraphQLOutputType, nodes: readonly FieldNode[], coordinate: string): Part {
    if (isNonNullType(type)) return nonNull(planValue(type.ofType, nodes, coordinate), coordinate)
    if (isListType(type)) return list(planValue(type.ofType, nodes, coordinate), { type: type.ofType, nodes })
    if (isLeafType(type)) return leaf(type)
    if (!isObjectType(type)) throw new TypeError('Plans support object types only')
    const selectionSets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    return nullable(inParallel(planFields(type, selectionSets)))
  }
}

/** Arguments without variables are the same for every request, so they are read once. */
function planArguments(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): (execution: Execution) => Record<string, unknown> {
  if (hasVariables(node)) return ({ variables }) => getArgumentValues(field, node, variables)
  const values = getArgumentValues(field, node)
  return () => values
}

function resolverOf(field: GraphQLField<unknown, unknown>): NonNullable<typeof field.resolve> {
  if (field.resolve !== undefined) return field.resolve as NonNullable<typeof field.resolve>
  const { name } = field
  return (source) => (source as Record<string, unknown>)[name]
}

/** For resolvers that do not use `info`. */
const noInfo = Object.freeze({}) as GraphQLResolveInfo

function resultOf({ errors }: Execution, data: string): Result {
  return errors.length === 0 ? { data } : { errors, data }
}

function failed({ errors }: Execution, error: unknown): Result {
  return { errors: [...errors, error], data: 'null' }
}

function fragmentsOf(document: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null)
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  }
  return fragments
}
