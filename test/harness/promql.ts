/** A label matcher: `label="value"`. */
export type Matcher = { readonly label: string; readonly operator: string; readonly value: string }
export type Selector = { readonly name: string; readonly matchers: readonly Matcher[] }
/** `labels` are those of `by (…)`, `on (…)` and the like. */
export type Expression = { readonly selectors: readonly Selector[]; readonly labels: readonly string[] }

const words = /"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-zA-Z_:][\w:]*|[\d.][\w.]*|=~|!~|!=|==|>=|<=|\S/g
const clauses = ['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']
const operators = ['and', 'or', 'unless', 'bool', 'offset']

/**
 * The names and labels in an expression of PromQL. It is no checker of its grammar: promtool is. It knows no selector without
 * a name.
 */
export function parseExpression(text: string): Expression {
  const tokens = (text.match(words) ?? []).filter((token) => !token.startsWith('['))
  const selectors: Selector[] = []
  const labels: string[] = []
  let at = 0
  while (at < tokens.length) read(tokens[at++] ?? '')
  return { selectors, labels }

  function read(token: string): void {
    if (!/^[a-zA-Z_:]/.test(token) || operators.includes(token)) return
    if (clauses.includes(token)) labels.push(...list('(', ')'))
    else if (!['(', 'by', 'without'].includes(tokens[at] ?? ''))
      selectors.push({ name: token, matchers: matchersOf(list('{', '}')) })
  }

  /** The words between two brackets, if the first one is next. */
  function list(open: string, close: string): string[] {
    if (tokens[at] !== open) return []
    const end = tokens.indexOf(close, at)
    const inside = tokens.slice(at + 1, end).filter((token) => token !== ',')
    at = end + 1
    return inside
  }
}

function matchersOf(inside: readonly string[]): Matcher[] {
  return inside.flatMap((label, at) => {
    const [operator = '', value = '""'] = inside.slice(at + 1)
    return at % 3 === 0 ? [{ label, operator, value: JSON.parse(value) }] : []
  })
}
