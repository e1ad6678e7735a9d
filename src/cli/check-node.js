import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isTooOld, nodeWebsite, oldestNode } from './node-version.js'

/** The npm scripts of a clone begin with it. Plain JavaScript: it runs also on the old Node that it reports. */
if (process.argv[1] === fileURLToPath(import.meta.url) && isTooOld(process.versions.node)) {
  process.stderr.write(`${adviceFor(process.versions.node, process.platform, process.arch, isMusl())}\n`)
  process.exitCode = 1
}

/** How to get a newer Node: from `npm ci` where npm has one for this platform. */
export function adviceFor(version, platform, arch, musl) {
  const needs = `Node.js ${oldestNode} or newer is needed, and this is ${version}.`
  if (comesWithNpm(platform, arch, musl)) return `${needs} Run npm ci first: it brings Node.js along.`
  const system = `${platform} ${arch}${musl ? ' with musl' : ''}`
  return `${needs} npm has none for ${system}: install it from ${nodeWebsite} or with your package manager.`
}

function comesWithNpm(platform, arch, musl) {
  const file = new URL('../../test/bundled-node/package.json', import.meta.url)
  const { optionalDependencies } = JSON.parse(readFileSync(file, 'utf8'))
  const name = `-${platform === 'win32' ? 'win' : platform}-${arch}`
  return !musl && Object.keys(optionalDependencies).some((one) => one.endsWith(name))
}

/** Alpine and others have musl in place of glibc, for which Node's binaries are made. */
function isMusl() {
  return process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined
}
