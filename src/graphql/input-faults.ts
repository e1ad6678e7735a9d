import {
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from 'graphql'

/** What is wrong with an input value, and where. Uses names of the schema and never the value. */
export type InputFault = {
  /** For example `input.redirectUri`. */
  readonly path: string
  /** Only the argument or input field, for example `redirectUri`. */
  readonly argument: string
  readonly problem: string
}

type Place = { readonly path: string; readonly argument: string }

/**
 * Finds the first fault that graphql-js would report. graphql-js quotes the value in its message, so ours replaces it.
 * `undefined`: the value is valid.
 */
export function findInputFault(value: unknown, type: GraphQLInputType, place: Place): InputFault | undefined {
  if (isNonNullType(type)) {
    return value == null ? { ...place, problem: 'is required' } : findInputFault(value, type.ofType, place)
  }
  if (value == null) return undefined
  if (isListType(type)) return findItemFault(Array.isArray(value) ? value : [value], type.ofType, place)
  if (isInputObjectType(type)) return findFieldFault(value, type, place)
  if (isLeafType(type) && !isAccepted(value, type))
    return { ...place, problem: `must be ${articleFor(type.name)} ${type.name}` }
  return undefined
}

function findItemFault(items: readonly unknown[], type: GraphQLInputType, place: Place): InputFault | undefined {
  for (const [index, item] of items.entries()) {
    const fault = findInputFault(item, type, { ...place, path: `${place.path}[${index}]` })
    if (fault !== undefined) return fault
  }
  return undefined
}

function findFieldFault(
  value: unknown,
  type: Extract<GraphQLInputType, { getFields(): unknown }>,
  place: Place,
): InputFault | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ...place, problem: `must be ${articleFor(type.name)} ${type.name} object` }
  const fields = type.getFields()
  for (const field of Object.values(fields)) {
    const given = Object.hasOwn(value, field.name) ? (value as Record<string, unknown>)[field.name] : undefined
    const fieldPlace = { path: `${place.path}.${field.name}`, argument: field.name }
    if (given === undefined && !isRequiredInputField(field)) continue
    const fault = findInputFault(given, field.type, fieldPlace)
    if (fault !== undefined) return fault
  }
  const isUnknown = Object.keys(value).some((name) => !Object.hasOwn(fields, name))
  return isUnknown ? { ...place, problem: `has a field that ${type.name} does not have` } : undefined
}

function isAccepted(value: unknown, type: Extract<GraphQLInputType, { parseValue: unknown }>): boolean {
  if (isEnumType(type)) return typeof value === 'string' && type.getValue(value) !== undefined
  try {
    return type.parseValue(value) !== undefined
  } catch {
    return false
  }
}

function articleFor(name: string): 'a' | 'an' {
  return /^[AEIOU]/.test(name) ? 'an' : 'a'
}
