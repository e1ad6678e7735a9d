/** npm says that no registry can be reached, or there is no npm. */
export function isUnreachable(error: unknown): boolean {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string }
  return code === 'ENOENT' || /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/.test(stderr)
}
