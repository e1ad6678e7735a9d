import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLField,
  type GraphQLLeafType,
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
  locatedError,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Context } from '../schema/context.ts'
import { hasVariables, isPlannable } from './plannable.ts'

/** What an operation's variables were coerced to, as graphql-js hands it out. */
export type VariableValues = GraphQLResolveInfo['variableValues']

export type Result = { readonly errors?: readonly GraphQLError[]; readonly data: unknown }

/** An operation made ready to run many times: what is asked of whom, and in which order, is decided once. */
export type Plan = { run(context: Context, variables: VariableValues): Result | Promise<Result> }

type Path = { readonly prev: Path | undefined; readonly key: string | number; readonly typename: string | undefined }
type Execution = { readonly context: Context; readonly variables: VariableValues; readonly errors: GraphQLError[] }

/** A part of a plan. Answers at once where all it asks for is there; throws what its parent has to answer for. */
type Run = (value: unknown, execution: Execution, path: Path | undefined) => unknown
type PlannedField = { readonly key: string; readonly run: Run }

/**
 * Plans an operation as the GraphQL specification executes it (section 6, October 2021), all but what depends on the
 * request. `undefined` for an operation beyond what plans are made of; the general executor answers those.
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
  const runRoot = isMutation
    ? inSeries(planFields(root, [operation.selectionSet]))
    : together(planFields(root, [operation.selectionSet]))

  return { run }

  function run(context: Context, variables: VariableValues): Result | Promise<Result> {
    const execution = { context, variables, errors: [] }
    try {
      const data = runRoot(undefined, execution, undefined)
      return data instanceof Promise
        ? data.then(
            (settled) => resultOf(execution, settled),
            (error) => failed(execution, error),
          )
        : resultOf(execution, data)
    } catch (error) {
      return failed(execution, error)
    }
  }

  /** Selections with one response key are one field (section 6.3.2). */
  function planFields(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): PlannedField[] {
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

  /** Resolves and completes; where the type allows null, an error ends here (section 6.4). */
  function planField(parentType: GraphQLObjectType, key: string, nodes: readonly FieldNode[]): Run {
    const [node] = nodes
    const field = node && parentType.getFields()[node.name.value]
    if (node === undefined || field === undefined) return () => parentType.name // __typename
    const resolve = resolverOf(field)
    const complete = planValue(field.type, nodes, `${parentType.name}.${field.name}`)
    const argumentsOf = planArguments(field, node)
    const needsInfo = resolve.length > 3
    const facts = {
      fieldName: field.name,
      fieldNodes: nodes,
      returnType: field.type,
      parentType,
      schema,
      fragments,
      operation,
    }

    return (source, execution, parentPath) => {
      const path = { prev: parentPath, key, typename: parentType.name }
      try {
        const info = needsInfo ? infoOf(facts, execution, path) : noInfo
        const value = resolve(source, argumentsOf(execution), execution.context, info)
        const completed =
          value instanceof Promise
            ? value.then((settled) => complete(settled, execution, path))
            : complete(value, execution, path)
        if (!(completed instanceof Promise)) return completed
        return completed.catch((error) => answerFor(error, field.type, nodes, path, execution))
      } catch (error) {
        return answerFor(error, field.type, nodes, path, execution)
      }
    }
  }

  function planValue(type: GraphQLOutputType, nodes: readonly FieldNode[], coordinate: string): Run {
    if (isNonNullType(type)) return planNonNull(planValue(type.ofType, nodes, coordinate), coordinate)
    if (isListType(type)) return planList(type.ofType, planValue(type.ofType, nodes, coordinate), nodes)
    if (isLeafType(type)) return planLeaf(type)
    if (!isObjectType(type)) throw new TypeError('plans know object types only')
    const selectionSets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    const runFields = together(planFields(type, selectionSets))
    return (value, execution, path) => {
      if (value instanceof Error) throw value
      return value == null ? null : runFields(value, execution, path)
    }
  }
}

/** Side by side: all are asked before any is waited for. */
function together(fields: readonly PlannedField[]): Run {
  return (source, execution, path) => {
    const data: Record<string, unknown> = Object.create(null)
    let waiting = false
    try {
      for (const { key, run } of fields) {
        const value = run(source, execution, path)
        data[key] = value
        if (value instanceof Promise) waiting = true
      }
    } catch (error) {
      if (!waiting) throw error
      return settled(data).then(
        () => Promise.reject(error),
        () => Promise.reject(error),
      )
    }
    return waiting ? settled(data) : data
  }
}

/** One after the other, as mutations are (section 6.2.2). */
function inSeries(fields: readonly PlannedField[]): Run {
  return async (source, execution, path) => {
    const data: Record<string, unknown> = Object.create(null)
    for (const { key, run } of fields) data[key] = await run(source, execution, path)
    return data
  }
}

async function settled(data: Record<string, unknown>): Promise<Record<string, unknown>> {
  const keys = Object.keys(data)
  const values = await Promise.all(Object.values(data))
  for (const [index, key] of keys.entries()) data[key] = values[index]
  return data
}

function planNonNull(complete: Run, coordinate: string): Run {
  const assertValue = (value: unknown) => {
    if (value === null) throw new Error(`Cannot return null for non-nullable field ${coordinate}.`)
    return value
  }
  return (value, execution, path) => {
    const completed = complete(value, execution, path)
    return completed instanceof Promise ? completed.then(assertValue) : assertValue(completed)
  }
}

function planList(itemType: GraphQLOutputType, complete: Run, nodes: readonly FieldNode[]): Run {
  return (value, execution, path) => {
    if (value instanceof Error) throw value
    if (value == null) return null
    if (!isIterable(value)) throw new TypeError('a list field resolved to something else')
    const items = Array.from(value, (item, index) =>
      completeItem(item, execution, { prev: path, key: index, typename: undefined }),
    )
    return items.some((item) => item instanceof Promise) ? Promise.all(items) : items
  }

  function completeItem(item: unknown, execution: Execution, path: Path): unknown {
    const answer = (error: unknown) => answerFor(error, itemType, nodes, path, execution)
    try {
      const completed =
        item instanceof Promise
          ? item.then((settled) => complete(settled, execution, path))
          : complete(item, execution, path)
      return completed instanceof Promise ? completed.catch(answer) : completed
    } catch (error) {
      return answer(error)
    }
  }
}

function planLeaf(type: GraphQLLeafType): Run {
  return (value) => {
    if (value instanceof Error) throw value
    if (value == null) return null
    const written = type.serialize(value)
    if (written == null) throw new TypeError(`${type.name} wrote nothing`)
    return written
  }
}

/** Arguments without variables are the same each time. */
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

/** An error belongs to its field where that may be null, else to whatever is above it (section 6.4.4). */
function answerFor(
  error: unknown,
  type: GraphQLOutputType,
  nodes: readonly FieldNode[],
  path: Path,
  execution: Execution,
): null {
  const located = locatedError(error, nodes, keysOf(path))
  if (isNonNullType(type)) throw located
  execution.errors.push(located)
  return null
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = []
  for (let at: Path | undefined = path; at !== undefined; at = at.prev) keys.unshift(at.key)
  return keys
}

function infoOf(facts: object, { variables }: Execution, path: Path): GraphQLResolveInfo {
  return { ...facts, path, variableValues: variables, rootValue: undefined } as unknown as GraphQLResolveInfo
}

/** For resolvers that do not take it. */
const noInfo = Object.freeze({}) as GraphQLResolveInfo

function resultOf({ errors }: Execution, data: unknown): Result {
  return errors.length === 0 ? { data } : { errors, data }
}

function failed({ errors }: Execution, error: unknown): Result {
  return { errors: [...errors, error as GraphQLError], data: null }
}

function fragmentsOf(document: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments: Record<string, FragmentDefinitionNode> = Object.create(null)
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  }
  return fragments
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
