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

type Given = { readonly name: string; readonly value: ValueNode; readonly type: GraphQLInputType | null | undefined }

/** graphql-js's rule on values, speaking of them by the name of their argument: it would quote them. */
export function NamedValuesRule(context: ValidationContext): ASTVisitor {
  let given: Given | undefined
  const reportError = (error: GraphQLError) => context.reportError(withoutValue(error, given))
  const quiet = Object.create(context, { reportError: { value: reportError } })

  return {
    ...ValuesOfCorrectTypeRule(quiet),
    Argument(node) {
      given = { name: node.name.value, value: node.value, type: context.getArgument()?.type }
    },
    VariableDefinition(node) {
      const type = typeFromAST(context.getSchema(), node.type)
      const name = `$${node.variable.name.value}`
      given = node.defaultValue && { name, value: node.defaultValue, type: isInputType(type) ? type : undefined }
    },
  }
}

function withoutValue(error: GraphQLError, given: Given | undefined): GraphQLError {
  const options = error.nodes === undefined ? {} : { nodes: error.nodes }
  if (given === undefined) return new GraphQLError('A value is not valid', options)
  const place = { path: given.name, argument: given.name }
  const fault = given.type && findInputFault(valueFromASTUntyped(given.value), given.type, place)
  return new GraphQLError(`${fault?.path ?? given.name} ${fault?.problem ?? 'is not valid'}`, options)
}
