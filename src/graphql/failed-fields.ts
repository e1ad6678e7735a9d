import type { PublicError } from './errors.ts'
import type { PreparedOperation } from './operations.ts'

/** The root fields that failed, with the code of the first error of each. An error without a path is one of all fields. */
export function failedFields(
  { fields, fieldOf }: Pick<PreparedOperation, 'fields' | 'fieldOf'>,
  errors: readonly PublicError[],
): ReadonlyMap<string, string> {
  const failed = new Map<string, string>()
  for (const { path, extensions } of errors) {
    const field = path === undefined ? undefined : fieldOf.get(String(path[0]))
    for (const one of field === undefined ? fields : [field]) {
      if (!failed.has(one)) failed.set(one, String(extensions.code))
    }
  }
  return failed
}
