import {
  type FieldNode,
  type GraphQLError,
  type GraphQLLeafType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isNonNullType,
  locatedError,
} from 'graphql'
import type { Context } from '../../schema/context.ts'

/** What an operation's variables were coerced to, as graphql-js hands it out. */
export type VariableValues = GraphQLResolveInfo['variableValues']

export type Path = {
  readonly prev: Path | undefined
  readonly key: string | number
  readonly typename: string | undefined
}

/** One run of an operation; `errors` are those that ended at a field that may be null. */
export type Execution = {
  readonly context: Context
  readonly variables: VariableValues
  readonly errors: GraphQLError[]
}

/** JSON text: an answer is written while it is found, as nothing would be done with its objects but to write them. */
export type Json = string | Promise<string>

/** A part of a plan. Answers at once where all it asks for is there; throws what its parent has to answer for. */
export type Part = (value: unknown, execution: Execution, path: Path | undefined) => Json

/** What a value was asked for as. */
export type Place = { readonly type: GraphQLOutputType; readonly nodes: readonly FieldNode[] }

/** A field of an object, by the key it has in the answer. */
export type FieldPart = { readonly key: string; readonly run: Part }

/** An object whose fields are asked side by side: all before any is waited for. */
export function together(fields: readonly FieldPart[]): Part {
  const heads = headsOf(fields)
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
    return waiting ? Promise.all(values).then((all) => written(heads, all)) : written(heads, values as string[])
  }
}

/** An object whose fields are asked one after the other, as mutations are (section 6.2.2). */
export function inSeries(fields: readonly FieldPart[]): Part {
  const heads = headsOf(fields)
  return async (source, execution, path) => {
    const values: string[] = []
    for (const { run } of fields) values.push(await run(source, execution, path))
    return written(heads, values)
  }
}

/** What stands before each value of an object. Response keys are names of GraphQL: there is nothing to escape in them. */
function headsOf(fields: readonly FieldPart[]): readonly string[] {
  return fields.map(({ key }, index) => `${index === 0 ? '{' : ','}"${key}":`)
}

function written(heads: readonly string[], values: readonly string[]): string {
  if (heads.length === 0) return '{}'
  let json = ''
  for (let index = 0; index < heads.length; index++) json += `${heads[index]}${values[index]}`
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
    if (serialized == null) throw new TypeError(`${type.name} wrote nothing`)
    return JSON.stringify(serialized)
  })
}

export function list(complete: Part, items: Place): Part {
  return nullable((value, execution, path) => {
    if (!isIterable(value)) throw new TypeError('a list field resolved to something else')
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

/** A value that may still have to be waited for; an error of its own ends at it where it may be null. */
export function completed(value: unknown, complete: Part, place: Place, path: Path, execution: Execution): Json {
  try {
    const json =
      value instanceof Promise
        ? value.then((settled) => complete(settled, execution, path))
        : complete(value, execution, path)
    return typeof json === 'string' ? json : json.catch((error) => answerFor(error, place, path, execution))
  } catch (error) {
    return answerFor(error, place, path, execution)
  }
}

/** An error belongs to its field where that may be null, else to whatever is above it (section 6.4.4). */
export function answerFor(error: unknown, { type, nodes }: Place, path: Path, { errors }: Execution): string {
  const located = locatedError(error, nodes, keysOf(path))
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
