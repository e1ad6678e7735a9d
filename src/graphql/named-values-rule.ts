import {
  type ASTVisitor,
  GraphQLError,
  type GraphQLInputType,
  isInputType,
  typeFromAST,
  type ValidationContext,
  type ValueNode,
  ValuesOfCorrectTypeRule,
  valueFromASTUntyped,
} from 'graphql'
import { findInputFault } from './input-faults.ts'

type NamedValue = {
  readonly name: string
  readonly value: ValueNode
  readonly type: GraphQLInputType | null | undefined
}

/** graphql-js's rule on values with other messages: graphql-js quotes the value, ours name the argument. */
export function NamedValuesRule(context: ValidationContext): ASTVisitor {
  let current: NamedValue | undefined
  const reportError = (error: GraphQLError) => context.reportError(withoutValue(error, current))
  const valueFree = Object.create(context, { reportError: { value: reportError } })

  return {
    ...ValuesOfCorrectTypeRule(valueFree),
    Argument(node) {
      current = { name: node.name.value, value: node.value, type: context.getArgument()?.type }
    },
    VariableDefinition(node) {
      const type = typeFromAST(context.getSchema(), node.type)
      const name = `$${node.variable.name.value}`
      current = node.defaultValue && { name, value: node.defaultValue, type: isInputType(type) ? type : undefined }
    },
  }
}

function withoutValue(error: GraphQLError, named: NamedValue | undefined): GraphQLError {
  const options = error.nodes === undefined ? {} : { nodes: error.nodes }
  if (named === undefined) return new GraphQLError('A value is not valid', options)
  const place = { path: named.name, argument: named.name }
  const fault = named.type && findInputFault(valueFromASTUntyped(named.value), named.type, place)
  return new GraphQLError(`${fault?.path ?? named.name} ${fault?.problem ?? 'is not valid'}`, options)
}
