import {
  BREAK,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type SelectionNode,
  type SelectionSetNode,
  Source,
  TokenKind,
  visit as visitNodes,
} from 'graphql'

/** The most that one document may have. Checked before validation, because validation itself can be made expensive. */
const limits = {
  characters: 10_000,
  tokens: 1_000,
  nodes: 500,
  depth: 10,
  aliases: 15,
  rootFields: 15,
  directives: 10,
} as const

type Limit = keyof typeof limits

/** The message for the limit that a text exceeds, checked before parsing. `undefined`: it exceeds none. */
export function limitOfText(text: string): string | undefined {
  if (text.length > limits.characters) return tooMany('characters')
  return hasMoreTokens(text, limits.tokens) ? tooMany('tokens') : undefined
}

/**
 * The message for the limit that a document exceeds. `undefined`: it exceeds none. A fragment counts each time it is
 * spread, so fragments cannot hide the real size.
 */
export function limitOfDocument(document: DocumentNode): string | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const count = { nodes: 0, aliases: 0, rootFields: 0 }
  let exceeded: Limit | undefined
  if (fragments.size > 0) exceeded = tooManyFields(document)
  for (const definition of document.definitions) {
    checkDirectives(definition.directives)
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      for (const variable of definition.variableDefinitions ?? []) checkDirectives(variable.directives)
      walk(definition.selectionSet, 1, 'selects')
    }
  }
  return exceeded && tooMany(exceeded)

  function walk(selectionSet: SelectionSetNode, depth: number, place: 'selects' | 'introspects'): void {
    if (depth > limits.depth && place === 'selects') exceeded ??= 'depth'
    for (const selection of selectionSet.selections) {
      if (exceeded !== undefined) return
      visit(selection, depth, place)
    }
  }

  function visit(selection: SelectionNode, depth: number, place: 'selects' | 'introspects'): void {
    if (++count.nodes > limits.nodes) exceeded ??= 'nodes'
    checkDirectives(selection.directives)
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(selection.name.value)
      if (fragment !== undefined && exceeded === undefined) walk(fragment.selectionSet, depth, place)
      return
    }
    if (selection.kind === Kind.FIELD) {
      if (selection.alias !== undefined && ++count.aliases > limits.aliases) exceeded ??= 'aliases'
      if (depth === 1 && ++count.rootFields > limits.rootFields) exceeded ??= 'rootFields'
    }
    if (selection.selectionSet === undefined || exceeded !== undefined) return
    const isField = selection.kind === Kind.FIELD
    walk(
      selection.selectionSet,
      isField ? depth + 1 : depth,
      isField && isIntrospection(selection, depth) ? 'introspects' : place,
    )
  }

  function checkDirectives(directives: readonly unknown[] | undefined): void {
    if (directives !== undefined && directives.length > limits.directives) exceeded ??= 'directives'
  }
}

/** A fragment that no operation spreads is not counted above, but validation looks at it. */
function tooManyFields(document: DocumentNode): Limit | undefined {
  let nodes = 0
  visitNodes(document, {
    SelectionSet({ selections }) {
      nodes += selections.length
      return nodes > limits.nodes ? BREAK : undefined
    },
  })
  return nodes > limits.nodes ? 'nodes' : undefined
}

/** Introspection by tools is deeper than the depth limit. Where introspection is off, validation refuses it. */
function isIntrospection(
  selection: SelectionNode & { readonly name?: { readonly value: string } },
  depth: number,
): boolean {
  return depth === 1 && (selection.name?.value === '__schema' || selection.name?.value === '__type')
}

/** Stops lexing at the limit. A text that cannot be lexed is left to the parser, which reports the error. */
function hasMoreTokens(text: string, most: number): boolean {
  const lexer = new Lexer(new Source(text))
  try {
    for (let count = 0; count <= most; count++) if (lexer.advance().kind === TokenKind.EOF) return false
    return true
  } catch {
    return false
  }
}

function tooMany(limit: Limit): string {
  const words = { rootFields: 'root fields', directives: 'directives in one place', depth: 'levels' } as const
  return `The operation has more than ${limits[limit]} ${limit in words ? words[limit as keyof typeof words] : limit}`
}
