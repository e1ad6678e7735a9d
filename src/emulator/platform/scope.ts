/** Whether a space separated scope, as LINE writes it, has this name in it. */
export function hasScope(scope: string, name: string): boolean {
  return scope.split(' ').includes(name)
}

/** The scope as LINE tells it: e-mail is granted and yet never in a returned scope. */
export function shownScope(scope: string): string {
  return scope
    .split(' ')
    .filter((name) => name !== 'email')
    .join(' ')
}
