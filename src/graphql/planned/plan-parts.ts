import {
  type FieldNode,
  type GraphQLLeafType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isNonNullType,
} from 'graphql'
import type { Context } from '../../schema/context.ts'
import { LocatedError } from '../errors.ts'

/** The coerced variables of an operation, as graphql-js returns them. */
export type VariableValues = GraphQLResolveInfo['variableValues']

export type Path = {
  readonly prev: Path | undefined
  readonly key: string | number
  readonly typename: string | undefined
}

/** One run of an operation. `errors` are those that a nullable field has caught. */
export type Execution = {
  readonly context: Context
  readonly variables: VariableValues
  readonly errors: LocatedError[]
}

/** JSON text. Values are written as text at once, because result objects would only be built to be serialized. */
export type Json = string | Promise<string>

/** A part of a plan. Returns text without a promise where it can. Throws an error that its parent has to handle. */
export type Part = (value: unknown, execution: Execution, path: Path | undefined) => Json

/** The type of a value and the nodes that select it. */
export type Place = { readonly type: GraphQLOutputType; readonly nodes: readonly FieldNode[] }

/** A field of an object. `key` is its response key. */
export type FieldPart = { readonly key: string; readonly run: Part }

/** An object whose fields run in parallel: all are started before one is awaited. */
export function inParallel(fields: readonly FieldPart[]): Part {
  const prefixes = prefixesOf(fields)
  return (source, execution, path) => {
    const values: Json[] = []
    let waiting = false
    try {
      for (const { run } of fields) {
        const value = run(source, execution, path)
        if (typeof value !== 'string') waiting = true
        values.push(value)
      }
    } catch (error) {
      if (!waiting) throw error
      const fail = () => Promise.reject(error)
      return Promise.all(values).then(fail, fail)
    }
    return waiting
      ? Promise.all(values).then((all) => writeObject(prefixes, all))
      : writeObject(prefixes, values as string[])
  }
}

/** An object whose fields run one after the other, as those of a mutation do (section 6.2.2). */
export function inSeries(fields: readonly FieldPart[]): Part {
  const prefixes = prefixesOf(fields)
  return async (source, execution, path) => {
    const values: string[] = []
    for (const { run } of fields) values.push(await run(source, execution, path))
    return writeObject(prefixes, values)
  }
}

/** The JSON text before each value of an object. Response keys are GraphQL names, so they need no escaping. */
function prefixesOf(fields: readonly FieldPart[]): readonly string[] {
  return fields.map(({ key }, index) => `${index === 0 ? '{' : ','}"${key}":`)
}

function writeObject(prefixes: readonly string[], values: readonly string[]): string {
  if (prefixes.length === 0) return '{}'
  let json = ''
  for (let index = 0; index < prefixes.length; index++) json += `${prefixes[index]}${values[index]}`
  return `${json}}`
}

export function nullable(complete: Part): Part {
  return (value, execution, path) => {
    if (value instanceof Error) throw value
    return value == null ? 'null' : complete(value, execution, path)
  }
}

export function nonNull(complete: Part, coordinate: string): Part {
  const assertValue = (json: string) => {
    if (json === 'null') throw new Error(`Cannot return null for non-nullable field ${coordinate}.`)
    return json
  }
  return (value, execution, path) => {
    const json = complete(value, execution, path)
    return typeof json === 'string' ? assertValue(json) : json.then(assertValue)
  }
}

export function leaf(type: GraphQLLeafType): Part {
  return nullable((value) => {
    const serialized = type.serialize(value)
    if (serialized == null) throw new TypeError(`${type.name} serialized to null`)
    return JSON.stringify(serialized)
  })
}

export function list(complete: Part, items: Place): Part {
  return nullable((value, execution, path) => {
    if (!isIterable(value)) throw new TypeError('A list field resolved to something that is not a list')
    const all = Array.from(value, (item, index) => {
      const itemPath = { prev: path, key: index, typename: undefined }
      return completed(item, complete, items, itemPath, execution)
    })
    return all.every((item) => typeof item === 'string') ? inBrackets(all) : Promise.all(all).then(inBrackets)
  })
}

function inBrackets(items: readonly string[]): string {
  return `[${items.join(',')}]`
}

/** The text of a value that may be a promise. Where the type is nullable, an error of the value ends here. */
export function completed(value: unknown, complete: Part, place: Place, path: Path, execution: Execution): Json {
  try {
    const json =
      value instanceof Promise
        ? value.then((settled) => complete(settled, execution, path))
        : complete(value, execution, path)
    return typeof json === 'string' ? json : json.catch((error) => handleError(error, place, path, execution))
  } catch (error) {
    return handleError(error, place, path, execution)
  }
}

/** A nullable field becomes null and its error is recorded. For a non-null field the error is thrown to the parent (section 6.4.4). */
export function handleError(error: unknown, { type, nodes }: Place, path: Path, { errors }: Execution): string {
  const located = error instanceof LocatedError ? error : new LocatedError(error, { nodes, path: keysOf(path) })
  if (isNonNullType(type)) throw located
  errors.push(located)
  return 'null'
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = []
  for (let at: Path | undefined = path; at !== undefined; at = at.prev) keys.unshift(at.key)
  return keys
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
