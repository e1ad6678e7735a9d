import { readFileSync } from 'node:fs'

/** Plain JavaScript: it runs also on the old Node that it reports. */
const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** The oldest version of Node that this package runs on, as in package.json. */
export const oldestNode = /\d+(\.\d+)*/.exec(engines.node)[0]

export const nodeWebsite = 'https://nodejs.org'

export function isTooOld(version) {
  const parts = version.split('.').map(Number)
  for (const [place, least] of oldestNode.split('.').map(Number).entries()) {
    const part = parts[place] || 0
    if (part !== least) return part < least
  }
  return false
}
