/** Whether a space separated scope contains this name. */
export function hasScope(scope: string, name: string): boolean {
  return scope.split(' ').includes(name)
}

/** The scope that LINE returns. It never contains `email`, even if `email` is granted. */
export function returnedScope(scope: string): string {
  return scope
    .split(' ')
    .filter((name) => name !== 'email')
    .join(' ')
}
