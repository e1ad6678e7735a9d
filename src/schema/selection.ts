import {
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** Results for selections that do not depend on variables. The key is the list of field nodes. */
const constant = new WeakMap<readonly FieldNode[], ReadonlySet<string>>()

/** The names of the fields selected below a field, so that LINE is called only for what they need. */
export function selectedFields(info: GraphQLResolveInfo): ReadonlySet<string> {
  const known = constant.get(info.fieldNodes)
  if (known !== undefined) return known
  const names = new Set<string>()
  for (const node of info.fieldNodes) collect(node.selectionSet, info, names)
  if ((info.operation.variableDefinitions ?? []).length === 0) constant.set(info.fieldNodes, names)
  return names
}

function collect(selectionSet: SelectionSetNode | undefined, info: GraphQLResolveInfo, names: Set<string>): void {
  for (const selection of selectionSet?.selections ?? []) {
    if (!isIncluded(selection, info)) continue
    if (selection.kind === 'Field') names.add(selection.name.value)
    else if (selection.kind === 'InlineFragment') collect(selection.selectionSet, info, names)
    else collect(info.fragments[selection.name.value]?.selectionSet, info, names)
  }
}

function isIncluded(selection: SelectionNode, info: GraphQLResolveInfo): boolean {
  if (selection.directives === undefined || selection.directives.length === 0) return true
  const skip = getDirectiveValues(GraphQLSkipDirective, selection, info.variableValues)
  const include = getDirectiveValues(GraphQLIncludeDirective, selection, info.variableValues)
  return skip?.if !== true && include?.if !== false
}
