import { BREAK, type DocumentNode, type FieldNode, Kind, type OperationDefinitionNode, visit } from 'graphql'

/** Whether an operation selects the same fields in every request and has a plan: no directives, no introspection. */
export function isPlannable(document: DocumentNode, operation: OperationDefinitionNode): boolean {
  if (operation.operation === 'subscription') return false
  let plannable = true
  visit(document, {
    Directive: stop,
    Field: ({ name }) => (name.value === '__schema' || name.value === '__type' ? stop() : undefined),
  })
  return plannable

  function stop() {
    plannable = false
    return BREAK
  }
}

/** Whether a field's own arguments depend on the request. */
export function hasVariables(field: FieldNode): boolean {
  let found = false
  for (const argument of field.arguments ?? []) {
    visit(argument, {
      [Kind.VARIABLE]() {
        found = true
        return BREAK
      },
    })
  }
  return found
}
