import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type SelectionNode,
  type SelectionSetNode,
  Source,
  TokenKind,
} from 'graphql'

/** What one document may cost, judged before it is validated: validation itself is what an attacker would make us do. */
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

/** The limit a text is over before it is even parsed. */
export function limitOfText(text: string): string | undefined {
  if (text.length > limits.characters) return tooMany('characters')
  return countsOver(text, limits.tokens) ? tooMany('tokens') : undefined
}

/** The limit a document is over. Fragments count each time they are spread, so that none can hide a multitude. */
export function limitOfDocument(document: DocumentNode): string | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const count = { nodes: 0, aliases: 0, rootFields: 0 }
  let over: Limit | undefined
  for (const definition of document.definitions) {
    look(definition.directives)
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      for (const variable of definition.variableDefinitions ?? []) look(variable.directives)
      walk(definition.selectionSet, 1, 'selects')
    }
  }
  return over && tooMany(over)

  function walk(selectionSet: SelectionSetNode, depth: number, place: 'selects' | 'introspects'): void {
    if (depth > limits.depth && place === 'selects') over ??= 'depth'
    for (const selection of selectionSet.selections) {
      if (over !== undefined) return
      visit(selection, depth, place)
    }
  }

  function visit(selection: SelectionNode, depth: number, place: 'selects' | 'introspects'): void {
    if (++count.nodes > limits.nodes) over ??= 'nodes'
    look(selection.directives)
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = fragments.get(selection.name.value)
      if (fragment !== undefined && over === undefined) walk(fragment.selectionSet, depth, place)
      return
    }
    if (selection.kind === Kind.FIELD) {
      if (selection.alias !== undefined && ++count.aliases > limits.aliases) over ??= 'aliases'
      if (depth === 1 && ++count.rootFields > limits.rootFields) over ??= 'rootFields'
    }
    if (selection.selectionSet === undefined || over !== undefined) return
    const isField = selection.kind === Kind.FIELD
    walk(
      selection.selectionSet,
      isField ? depth + 1 : depth,
      isField && isIntrospection(selection, depth) ? 'introspects' : place,
    )
  }

  function look(directives: readonly unknown[] | undefined): void {
    if (directives !== undefined && directives.length > limits.directives) over ??= 'directives'
  }
}

/** Tools introspect deeper than anybody asks for users; where introspection is off, validation refuses it altogether. */
function isIntrospection(
  selection: SelectionNode & { readonly name?: { readonly value: string } },
  depth: number,
): boolean {
  return depth === 1 && (selection.name?.value === '__schema' || selection.name?.value === '__type')
}

/** Lexes no further than the limit. What cannot be lexed is the parser's to complain about. */
function countsOver(text: string, most: number): boolean {
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
