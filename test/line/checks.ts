import { authorizeChecks } from './checks/authorize.ts'
import type { Check } from './checks/check.ts'
import { commonChecks } from './checks/common.ts'
import { deauthorizeChecks } from './checks/deauthorize.ts'
import { idTokenChecks } from './checks/id-token.ts'
import { refreshChecks } from './checks/refresh.ts'
import { resourceChecks } from './checks/resources.ts'
import { revokeChecks } from './checks/revoke.ts'
import { tokenChecks } from './checks/token.ts'
import { verifyChecks } from './checks/verify.ts'
import { verifyIdTokenChecks } from './checks/verify-id-token.ts'

export type { Check, LineEndpoint, Observations } from './checks/check.ts'
export { isContested } from './checks/check.ts'

/**
 * How LINE Login v2.1 behaves, as checks. `checks.test.ts` runs them against the emulator, `check-line.ts` (by hand)
 * against LINE itself. Checks that end a login come last.
 */
export const checks: readonly Check[] = [
  ...commonChecks,
  ...verifyChecks,
  ...resourceChecks,
  ...verifyIdTokenChecks,
  ...idTokenChecks,
  ...authorizeChecks,
  ...tokenChecks,
  ...refreshChecks,
  ...revokeChecks,
  ...deauthorizeChecks,
]
