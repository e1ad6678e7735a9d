import { type ASTNode, type DocumentNode, type Location, Source, type SourceLocation, visit } from 'graphql'

/**
 * Replaces the `loc` of every node, which refers to the whole text and all its tokens, by the line and column. An error
 * then has its place at once: graphql-js would search the text for it, for every error and every node.
 */
export function dropText(document: DocumentNode): DocumentNode {
  visit(document, {
    enter(node) {
      const { loc } = node
      if (loc !== undefined) Object.assign(node, { loc: new Place(loc.startToken) })
    },
  })
  return document
}

/** The places of the first two nodes: two are enough to show a conflict, and a field can have hundreds of nodes. */
export function placesOf(nodes: readonly ASTNode[] | undefined): readonly SourceLocation[] | undefined {
  const places = nodes?.slice(0, 2).flatMap(({ loc }) => (loc instanceof Place ? loc.place : []))
  return places === undefined || places.length === 0 ? undefined : places
}

/** Has what graphql-js reads from a `Location` when it makes an error. */
class Place implements Pick<Location, 'start' | 'end' | 'source'> {
  readonly start = 0
  readonly end = 0
  readonly source = noText
  readonly place: SourceLocation

  constructor({ line, column }: SourceLocation) {
    this.place = { line, column }
  }
}

const noText = new Source('')
