/** The oldest version of Node that this package runs on, as in package.json. */
export const oldestNode: string
export const nodeWebsite: string
/** `version`: as in `process.versions.node`. */
export function isTooOld(version: string): boolean
